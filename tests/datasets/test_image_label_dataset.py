import builtins
import io
import os
import random
import shutil
from pathlib import Path

import cv2
import mmcv
import numpy as np
import pytest
import torch
from mmengine import fileio
from mmengine.config import Config
from mmengine.registry import DATASETS, init_default_scope
from mmseg.datasets.transforms import LoadAnnotations
from PIL import Image

from mmwsss.datasets import ImageLabelDataset, ImageLabels, WeakCOCO14Dataset, WeakVOCDataset
from mmwsss.datasets.classes import COCO_CLASSES, VOC_CLASSES
from mmwsss.datasets.transforms import read_label
from mmwsss.labels import ActivationStore
from tests.paths import ROOT


@pytest.fixture
def root(tmp_path):
    (tmp_path / 'JPEGImages' / 'sub').mkdir(parents=True)
    for name in ('a.jpg', 'b.jpg', 'sub/c.jpg', 'empty.jpg'):
        Image.new('RGB', (20, 10), (10, 20, 30)).save(tmp_path / 'JPEGImages' / name)
    labels = ImageLabels(('person', 'cat', 'dog'), {
        'a': ['dog'], 'b': ['person', 'cat'], 'sub/c': ['cat'], 'empty': []})
    labels.save(tmp_path / 'image_labels.json')
    return tmp_path


def build(root, cls=ImageLabelDataset, **kwargs):
    kwargs = dict(dict(label_file='image_labels.json', data_prefix='JPEGImages'), **kwargs)
    return cls(data_root=str(root), **kwargs)


def test_any_folder(root):
    data = build(root)
    assert data.metainfo['classes'] == ('person', 'cat', 'dog')
    by_id = {data.get_data_info(i)['image_id']: data.get_data_info(i) for i in range(len(data))}
    assert list(by_id) == ['a', 'b', 'empty', 'sub/c']
    assert by_id['b']['gt_label'].tolist() == [0, 1]
    assert by_id['b']['gt_score'].tolist() == [1, 1, 0]
    assert by_id['empty']['gt_label'].dtype == np.int64 and not by_id['empty']['gt_score'].any()
    assert by_id['sub/c']['img_path'] == str(root / 'JPEGImages' / 'sub' / 'c.jpg')


def test_classes_are_matched_by_name(root):
    data = build(root, WeakVOCDataset)
    info = data.get_data_info(1)
    assert [VOC_CLASSES[i] for i in info['gt_label']] == ['cat', 'person']
    assert info['gt_score'].shape == (20, )
    data = build(root, WeakCOCO14Dataset)
    info = data.get_data_info(1)
    assert [COCO_CLASSES[i] for i in info['gt_label']] == ['person', 'cat']
    assert len(data) == 3  # without the image that has no class
    assert build(root, classes=['dog', 'cat', 'person']).get_data_info(0)['gt_label'] == [0]


def test_pipeline_and_batches(root):
    init_default_scope('mmpretrain')
    data = DATASETS.build(dict(
        type='WeakVOCDataset', data_root=str(root),
        pipeline=[dict(type='LoadAnyImage'),
                  dict(type='PackInputs', meta_keys=('img_path', 'image_id', 'ori_shape'))]))
    sample = data[3]
    assert sample['inputs'].shape == (3, 10, 20) and sample['inputs'].dtype == torch.uint8
    assert sample['data_samples'].image_id == 'sub/c'
    assert sample['data_samples'].gt_score.nonzero().tolist() == [[VOC_CLASSES.index('cat')]]
    assert data.get_cat_ids(1).tolist() == [7, 14]


def test_list_and_suffixes(root):
    (root / 'list.txt').write_text('sub/c\na\n')
    data = build(root, ann_file='list.txt')
    assert [data.get_data_info(i)['image_id'] for i in range(2)] == ['sub/c', 'a']
    (root / 'JPEGImages' / 'a.jpg').rename(root / 'JPEGImages' / 'a.png')
    assert build(root).get_data_info(0)['img_path'].endswith('a.png')
    with pytest.raises(FileNotFoundError, match=r"1 of the 4.*: a: check.*'.jpg'"):
        build(root, img_suffix='.jpg')


def test_unlabelled(root):
    assert len(build(root)) == 4
    assert len(build(root, unlabelled='skip')) == 3
    with pytest.raises(ValueError, match='1 of 4 images have no class: empty'):
        build(root, unlabelled='error')
    with pytest.raises(ValueError, match='unlabelled'):
        build(root, unlabelled='drop')


def test_extraction_goes_on_where_it_stopped(root):
    store_dir = str(root / 'store')
    assert len(build(root, skip_stored=store_dir)) == 4
    store = ActivationStore(store_dir, ('person', 'cat', 'dog'))
    for image_id in ('a', 'sub/c'):
        store.write(image_id, np.zeros((1, 3, 5)), [0], (10, 20))
    data = build(root, skip_stored=store_dir)
    assert [data.get_data_info(i)['image_id'] for i in range(len(data))] == ['b', 'empty']
    for image_id in ('b', 'empty'):
        store.write(image_id, np.zeros((1, 3, 5)), [0], (10, 20))
    data = build(root, skip_stored=store_dir)
    assert len(data) == 0
    assert list(torch.utils.data.DataLoader(data)) == []


def test_errors(root):
    with pytest.raises(FileNotFoundError, match='data_root'):
        build(root / 'none')
    with pytest.raises(FileNotFoundError, match='other.json.*make_image_labels'):
        build(root, label_file='other.json')
    with pytest.raises(FileNotFoundError, match='image folder.*Images2'):
        build(root, data_prefix='Images2')
    (root / 'list.txt').write_text('a\nzz\n')
    with pytest.raises(ValueError, match='1 of the 2 listed images have no entry.*zz'):
        build(root, ann_file='list.txt')
    with pytest.raises(ValueError, match=r"image_labels.json labels images with \['person'\]"):
        build(root, classes=['cat', 'dog'])
    (root / 'JPEGImages' / 'b.jpg').write_bytes(b'broken')
    init_default_scope('mmpretrain')
    data = build(root, pipeline=[dict(type='LoadAnyImage')])
    with pytest.raises(ValueError, match='b.jpg cannot be read'):
        data[1]
    (root / 'JPEGImages' / 'b.jpg').unlink()
    with pytest.raises(FileNotFoundError, match='1 of the 4 images are not in.*: b:'):
        build(root)
    assert len(build(root, check_files=False)) == 4


MASK_FOLDERS = ('SegmentationClass', 'SegmentationClassAug')
DOORS = ((builtins, 'open'), (io, 'open'), (os, 'open'), (Image, 'open'), (cv2, 'imread'),
         (cv2, 'imdecode'), *((fileio, name) for name in ('get', 'get_text', 'get_local_path')))


@pytest.fixture
def voc(root):
    """The images as a VOC with masks, and the list of the training configs."""
    lists = root / 'ImageSets' / 'Segmentation'
    lists.mkdir(parents=True)
    (lists / 'train_aug.txt').write_text('a\nb\nsub/c\nempty\n')
    for folder in MASK_FOLDERS:
        (root / folder / 'sub').mkdir(parents=True)
        for name in ('a', 'b', 'sub/c', 'empty'):
            Image.new('L', (20, 10), 1).save(root / folder / f'{name}.png')
    return root


@pytest.fixture
def opened(voc, monkeypatch):
    """Files that are opened in Python, through MMEngine, PIL or OpenCV, as they are opened."""
    names = []
    contents = {path.read_bytes(): str(path) for path in voc.rglob('*.png')}

    def note(what):
        if isinstance(what, np.ndarray):
            names.append(contents.get(what.tobytes(), ''))
        elif isinstance(what, (str, bytes, os.PathLike)):
            names.append(contents.get(what) or os.fsdecode(what))

    def watched(real):
        def door(*args, **kwargs):
            note(args[0] if args else next(iter(kwargs.values())))
            return real(*args, **kwargs)
        return door

    for owner, name in DOORS:
        monkeypatch.setattr(owner, name, watched(getattr(owner, name)))
    return names


def masks_of(opened):
    return [name for name in opened if any(folder in name for folder in MASK_FOLDERS)]


def training_samples(voc, cls=None):
    """All samples of the training set of a config, through its pipeline."""
    init_default_scope('mmpretrain')
    cfg = Config.fromfile(ROOT / 'configs/gcn_cam/recam_gcn_r50_voc.py').train_dataloader.dataset
    cfg.update(data_root=str(voc), label_file='image_labels.json', type=cls or cfg.type)
    assert len(cfg.pipeline) > 2
    data = DATASETS.build(cfg)
    random.seed(0)  # the same crops every time
    np.random.seed(0)
    torch.manual_seed(0)
    return [data[i] for i in range(len(data))]


def test_masks_are_never_opened(voc, opened):
    samples = training_samples(voc)
    assert len(samples) == 4 and str(voc / 'JPEGImages' / 'sub' / 'c.jpg') in opened
    assert not masks_of(opened)
    assert not any(hasattr(sample['data_samples'], key) for sample in samples
                   for key in ('gt_sem_seg', 'gt_seg_map', 'seg_map_path'))
    for folder in MASK_FOLDERS:  # by whatever door: without masks nothing is different
        shutil.rmtree(voc / folder)
    for sample, other in zip(samples, training_samples(voc)):
        assert torch.equal(sample['inputs'], other['inputs'])
        assert torch.equal(sample['data_samples'].gt_score, other['data_samples'].gt_score)


@pytest.mark.parametrize('read', [
    lambda path: open(path, 'rb').close(), lambda path: Path(path).read_bytes(),
    lambda path: os.close(os.open(path, os.O_RDONLY)), lambda path: Image.open(path).close(),
    lambda path: np.fromfile(path, np.uint8), lambda path: cv2.imread(path), mmcv.imread,
    lambda path: fileio.get(path), read_label,
    lambda path: LoadAnnotations()(dict(seg_map_path=path, seg_fields=[],
                                        reduce_zero_label=False))],
    ids=['open', 'pathlib', 'os.open', 'PIL', 'numpy', 'cv2', 'mmcv', 'mmengine', 'read_label',
         'mmseg'])
@pytest.mark.parametrize('folder', MASK_FOLDERS)
def test_a_data_set_that_opens_masks_is_seen(voc, opened, read, folder):

    class Peeking(WeakVOCDataset):

        def prepare_data(self, idx):
            read(str(voc / folder / f'{self.get_data_info(idx)["image_id"]}.png'))
            return super().prepare_data(idx)

    training_samples(voc, Peeking)
    assert {Path(name).stem for name in masks_of(opened)} == {'a', 'b', 'c', 'empty'}
