"""PredictionLog: cut anywhere, it gives what was written before."""
import os

import numpy as np
import pytest

from mmwsss.engine.label_updates.online import merged_predictions
from mmwsss.engine.label_updates.prediction_log import Prediction, PredictionLog


def predictions(count=5):
    rng = np.random.RandomState(1)
    return [Prediction(i, i % 2, f'im_{i % 3}', i, 2 * i,
                       rng.randint(0, 4, (3 + i, 5)).astype(np.uint8)) for i in range(count)]


def same(a, b):
    return a[:-1] == b[:-1] and np.array_equal(a.patch, b.patch)


@pytest.fixture
def log(tmp_path):
    log = PredictionLog(tmp_path / 'p.log')
    log.append(predictions()[:2])
    log.append([])
    log.append(predictions()[2:])
    return log


def read(log):
    return [log.read(offset) for *_, offset in log.entries()]


def test_gives_back_what_was_written(log):
    assert all(map(same, read(log), predictions())) and len(read(log)) == 5
    log.sync()
    assert list(PredictionLog(log.path.with_name('none')).entries()) == []


def test_cut_at_any_byte_keeps_the_records_before(log):
    data, ends = log.path.read_bytes(), [o for *_, o in log.entries()][1:]
    for length in range(len(data)):
        log.path.write_bytes(data[:length])
        whole = sum(end <= length for end in ends)
        assert len(read(log)) == whole
    log.path.write_bytes(data[:-1])
    log.cut(99)
    log.append(predictions()[4:])
    assert log.path.read_bytes() == data


def test_a_changed_byte_ends_it(log):
    data = bytearray(log.path.read_bytes())
    data[[o for *_, o in log.entries()][2] + 20] ^= 1
    log.path.write_bytes(data)
    assert len(read(log)) == 2


def test_resuming_drops_later_iterations(log):
    log.cut(3)
    assert [p.iteration for p in read(log)] == [0, 1, 2]
    PredictionLog(log.path.with_name('none')).cut(3)


def test_a_full_disk_leaves_the_log_readable(log, monkeypatch):
    before = log.path.read_bytes()

    class Full:
        def __init__(self, file):
            self.file, self.tell, self.fileno = file, file.tell, file.fileno

        def __enter__(self):
            return self

        def __exit__(self, *args):
            self.file.close()

        def write(self, data):
            self.file.write(data[:7])
            raise OSError(28, 'No space left on device')

    monkeypatch.setattr('builtins.open', lambda path, *args, real=open, **kwargs: (
        Full(real(path, *args, **kwargs)) if args[0] == 'ab' else real(path, *args, **kwargs)))
    with pytest.raises(OSError, match='No space'):
        log.append(predictions())
    monkeypatch.undo()
    assert log.path.read_bytes() == before and os.path.getsize(log.path) == len(before)


def test_later_predictions_count_whatever_file_they_are_in(tmp_path):
    first, second = PredictionLog(tmp_path / '0.log'), PredictionLog(tmp_path / '1.log')
    ones, twos = np.ones((2, 2), np.uint8), np.array([[2, 0], [2, 2]], np.uint8)
    first.append([Prediction(5, 1, 'a', 1, 0, twos), Prediction(6, 0, 'other', 0, 0, ones)])
    second.append([Prediction(5, 0, 'a', 0, 0, ones), Prediction(4, 0, 'a', 0, 0, 3 * ones)])
    merged = dict(merged_predictions([first.path, second.path], {'a': (4, 3), 'b': (2, 2)}))
    assert merged['b'] is None and set(merged) == {'a', 'b'}
    np.testing.assert_array_equal(merged['a'], [[1, 1, 0], [2, 1, 0], [2, 2, 0], [0, 0, 0]])
