"""Which labels an index leads to, in whichever process it is followed."""
import pickle
import threading
import time

import numpy as np
import pytest
from mmengine.dataset import BaseDataset, ConcatDataset, RepeatDataset
from torch.utils.data import BatchSampler, DataLoader, Dataset

from mmwsss.datasets.samplers import ResumableInfiniteSampler, StreamIndex, seed_for_sample
from mmwsss.engine.label_updates.versioned_data import (
    ImageIds,
    PointToLabels,
    VersionedSampler,
    unwrap,
    wait_until_complete,
)


def test_each_index_names_the_version_of_its_iteration():
    sampler = VersionedSampler(range(7), 2, lambda: 10, lambda iteration: iteration)
    for indices in (list(sampler), list(sampler)):
        assert indices == list(range(7))
        assert [index.label_version for index in indices] == [10, 10, 11, 11, 12, 12, 13]
    sampler.to_skip = 4
    assert list(sampler) == [4, 5, 6] and next(iter(sampler)).label_version == 10
    assert len(sampler) == 7
    assert list(BatchSampler(sampler, 2, True)) == [[0, 1], [2, 3], [4, 5]]


def test_place_in_the_stream_and_version_stay_together():
    stream = ResumableInfiniteSampler(range(5), seed=3)
    index = next(iter(VersionedSampler(stream, 1, lambda: 0, lambda iteration: 9)))
    for other in (pickle.loads(pickle.dumps(index)), index + 3, index - 0, index % 5):
        assert (other.position, other.seed, other.label_version) == (0, 3, 9)
    sampler = VersionedSampler(stream, 1, lambda: 0, lambda iteration: 9)
    assert sampler.seed == 3 and sampler.size == 5


def test_an_index_without_a_place_seeds_nothing():
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    seed_for_sample(StreamIndex(3).with_labels(2))
    np.testing.assert_array_equal(np.random.get_state()[1], before)


@pytest.mark.parametrize('folder, path, expected', [
    ('/d/images', '/d/images/a.jpg', 'a'), ('/d/images', '/d/images/s/a.b.jpg', 's/a.b'),
    ('/d/images/', '/d/images/a.png', 'a'), ('', '/x/y/a.png', 'a'),
    ('/d/im', '/d/images/a.jpg', 'a')])
def test_ids_are_paths_inside_the_image_folder(folder, path, expected):
    assert ImageIds(folder)(path) == expected
    assert ImageIds(folder, '1/')(path) == f'1/{expected}'


class Waiting(Dataset):
    def __init__(self, folder):
        self.folder = folder

    def __len__(self):
        return 2

    def __getitem__(self, index):
        wait_until_complete(self.folder / str(index))
        return index


def complete(folder):
    folder.mkdir(exist_ok=True)
    (folder / 'manifest.json').touch()


def test_workers_wait_for_a_version_and_the_main_process_does_not(tmp_path):
    complete(tmp_path / '0')
    with pytest.raises(RuntimeError, match='are not complete'):
        wait_until_complete(tmp_path / '1')
    batches = iter(DataLoader(Waiting(tmp_path), batch_size=None, num_workers=1))
    assert next(batches) == 0
    timer = threading.Timer(0.3, complete, [tmp_path / '1'])
    timer.start()
    start = time.perf_counter()
    assert next(batches) == 1 and time.perf_counter() - start > 0.2


def test_an_index_that_lost_its_version_is_an_error(tmp_path):
    point = PointToLabels(tmp_path, ImageIds('/d'))
    with pytest.raises(RuntimeError, match='/d/a.jpg: its index says no label version'):
        point(dict(sample_idx=3, img_path='/d/a.jpg'))
    (tmp_path / 'versions').mkdir()
    complete(tmp_path / 'versions/000002')
    results = point(dict(sample_idx=StreamIndex(3).with_labels(2), img_path='/d/s/a.jpg'))
    assert results['seg_map_path'] == str(tmp_path / 'versions/000002/labels/s/a.png')
    assert results['label_sample'] == dict(image_id='s/a', version=2)


def test_only_wrappers_that_keep_indices_are_followed():
    data = BaseDataset(lazy_init=True, serialize_data=False)
    data.data_list, data._fully_initialized = [{}, {}], True
    assert unwrap(ConcatDataset([data, data], lazy_init=True)) == [data, data]
    assert unwrap(RepeatDataset(data, 3, lazy_init=True)) == [data]
    with pytest.raises(ValueError, match='through Waiting'):
        unwrap(Waiting(None))
