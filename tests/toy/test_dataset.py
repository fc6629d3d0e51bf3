"""The toy set on disk: VOC's folders, labels that agree with the masks, whole or not at all."""
import hashlib
import json

import numpy as np
import pytest
from PIL import Image

from mmwsss.knowledge.names import VOC_CLASSES
from mmwsss.toy import ToySpec, write_toy_dataset

SMALL = ToySpec(train=6, val=3, seed=1, height=48, width=64)


def digest(folder):
    """File name -> hash of all files below the folder."""
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob('*')) if path.is_file()}


@pytest.fixture(scope='module')
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp('toy') / 'set'
    assert write_toy_dataset(folder, SMALL)
    return folder


def test_lists_and_files(toy):
    lists = {split: (toy / f'ImageSets/Segmentation/{split}.txt').read_text().split()
             for split in ('train', 'val')}
    assert [len(lists['train']), len(lists['val'])] == [6, 3]
    ids = lists['train'] + lists['val']
    assert len(set(ids)) == 9
    for image_id in ids:
        with Image.open(toy / 'JPEGImages' / f'{image_id}.jpg') as image:
            assert image.size == (64, 48) and image.mode == 'RGB'
        with Image.open(toy / 'SegmentationClass' / f'{image_id}.png') as mask:
            assert mask.size == (64, 48) and mask.mode == 'P'
            assert mask.getpalette()[3 * 15:3 * 15 + 3] == [192, 128, 128]  # VOC's person


def test_image_labels_agree_with_the_masks(toy):
    image_labels = json.loads((toy / 'image_labels.json').read_text())['images']
    assert len(image_labels) == 9
    for image_id, names in image_labels.items():
        mask = np.array(Image.open(toy / 'SegmentationClass' / f'{image_id}.png'))
        seen = {VOC_CLASSES[value - 1] for value in np.unique(mask) if 0 < value < 255}
        assert set(names) == seen and len(names) == len(seen) >= 1


def test_telling_parts_lie_in_objects(toy):
    shares = []
    for path in sorted((toy / 'TellingParts').glob('*.png')):
        telling = np.array(Image.open(path))
        mask = np.array(Image.open(toy / 'SegmentationClass' / path.name))
        assert set(np.unique(telling)) <= {0, 255}
        assert not ((telling > 0) & ((mask == 0) | (mask == 255))).any()
        shares.append((telling > 0).mean())
    assert len(shares) == 9 and max(shares) > 0


def test_same_seed_same_bytes(toy, tmp_path):
    write_toy_dataset(tmp_path / 'again', SMALL)
    assert digest(tmp_path / 'again') == digest(toy)


def test_an_image_does_not_depend_on_the_number_of_images(toy, tmp_path):
    write_toy_dataset(tmp_path / 'more', ToySpec(train=7, val=4, seed=1, height=48, width=64))
    more = digest(tmp_path / 'more')
    images = {name: value for name, value in digest(toy).items() if name.startswith('JPEG')}
    assert images == {name: more[name] for name in images}


def test_second_call_leaves_the_set_alone(toy):
    before = {path: path.stat().st_mtime_ns for path in toy.rglob('*')}
    assert not write_toy_dataset(toy, SMALL)
    assert before == {path: path.stat().st_mtime_ns for path in toy.rglob('*')}


def test_other_data_is_never_replaced(tmp_path):
    (tmp_path / 'photos').mkdir()
    (tmp_path / 'photos' / 'a.jpg').write_bytes(b'mine')
    for overwrite in (False, True):
        with pytest.raises(FileExistsError, match='not a toy set'):
            write_toy_dataset(tmp_path / 'photos', SMALL, overwrite)
    assert (tmp_path / 'photos' / 'a.jpg').read_bytes() == b'mine'


def test_another_toy_set_only_with_overwrite(tmp_path):
    tiny = ToySpec(train=1, val=1, seed=2, height=32, width=32)
    write_toy_dataset(tmp_path / 'set', tiny)
    other = ToySpec(train=2, val=1, seed=2, height=32, width=32)
    with pytest.raises(FileExistsError, match='--overwrite'):
        write_toy_dataset(tmp_path / 'set', other)
    assert write_toy_dataset(tmp_path / 'set', other, overwrite=True)
    assert len(list((tmp_path / 'set' / 'JPEGImages').iterdir())) == 3
    assert [path.name for path in tmp_path.iterdir()] == ['set']


def test_cut_off_writing_leaves_nothing(tmp_path):
    def stop(count):
        raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        write_toy_dataset(tmp_path / 'set', SMALL, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_progress_counts_every_image(tmp_path):
    counts = []
    write_toy_dataset(tmp_path / 'set', ToySpec(2, 1, 0, 32, 32), progress=counts.append)
    assert sum(counts) == 3


@pytest.mark.parametrize('bad', [dict(train=0), dict(val=0), dict(height=8), dict(seed=-1),
                                 dict(boundary=-1)])
def test_bad_specs(bad):
    with pytest.raises(ValueError, match=str(next(iter(bad.values())))):
        ToySpec(**bad)


def test_the_data_set_class_reads_it(toy):
    from mmengine.registry import DATASETS, init_default_scope

    import mmwsss  # noqa: F401
    init_default_scope('mmseg')
    dataset = DATASETS.build(dict(
        type='VOC12SegDataset', data_root=str(toy),
        ann_file='ImageSets/Segmentation/val.txt',
        data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
        pipeline=[dict(type='LoadImageFromFile'), dict(type='LoadSegLabels')]))
    assert len(dataset) == 3
    item = dataset[0]
    assert item['img'].shape[:2] == item['gt_seg_map'].shape == (48, 64)
