"""The table of results: values read from logs, means and paired differences by hand."""
import importlib.util

import pytest

from .paths import ROOT

_SPEC = importlib.util.spec_from_file_location(
    'summarize_runs', ROOT / 'benchmarks' / 'summarize_runs.py')
summary = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(summary)


def log(background, cat):
    return ('per class results:\n| cat | 1.0 | 1.0 |\nlater: per class results:\n\n'
            '+------+\n|   Class    |  IoU  |  Acc  |\n'
            f'| background | {background} | 99.0 |\n|    cat     | {cat} | 5.0 |\n'
            '|    bus     |  nan  |  nan  |\n+------+\n mIoU: 3.0')


def write(root, name, *values):
    for stamp, text in (('20260101_000000', 'killed'), ('20260102_000000', log(*values))):
        folder = root / name / stamp
        folder.mkdir(parents=True)
        (folder / f'{stamp}.log').write_text(text)


def test_table(tmp_path):
    for name, values in {'plain_s0': (80.0, 20.0), 'plain_s1': (82.0, 24.0),
                         'grm_s0': (80.0, 23.0), 'grm_s1': (82.0, 25.0)}.items():
        write(tmp_path, name, *values)
    (tmp_path / 'notes').mkdir()
    rows = summary.table(summary.read_runs(tmp_path), 'plain', ['cat'])
    assert rows[2] == '| grm | 2 | 52.50 ± 1.41 | 24.00 ± 1.41 | +2.00 ± 1.00 (+3.00, +1.00) |'
    assert rows[3] == '| plain | 2 | 51.50 ± 2.12 | 22.00 ± 2.83 |  |'


def test_unfinished_runs_and_missing_controls_are_named(tmp_path):
    write(tmp_path, 'grm_s0', 80.0, 20.0)
    with pytest.raises(ValueError, match='plain'):
        summary.table(summary.read_runs(tmp_path), 'plain', None)
    (tmp_path / 'cut_s0').mkdir()
    with pytest.raises(ValueError, match='cut_s0'):
        summary.read_runs(tmp_path)
