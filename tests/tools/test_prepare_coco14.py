"""tools/prepare_coco14.py on a tiny set of instances."""
import importlib.util
import json
import sys

import numpy as np
import pytest
from PIL import Image

from mmwsss.datasets import COCO14SegDataset, ImageLabels, WeakCOCO14Dataset
from mmwsss.datasets.classes import COCO_CATEGORY_IDS, COCO_CLASSES
from tests.paths import ROOT

_spec = importlib.util.spec_from_file_location('prepare_coco14',
                                               ROOT / 'tools' / 'prepare_coco14.py')
tool = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = tool  # workers look its functions up by name
_spec.loader.exec_module(tool)


def square(x, y, size):
    return [[x, y, x + size, y, x + size, y + size, x, y + size]]


def annotation(image, name, segmentation, crowd=0):
    return dict(image_id=image, category_id=COCO_CATEGORY_IDS[COCO_CLASSES.index(name)],
                segmentation=segmentation, iscrowd=crowd)


@pytest.fixture
def root(tmp_path):
    crowd = dict(size=[12, 10], counts=[0, 120])
    content = dict(
        categories=[dict(id=i, name=n) for i, n in zip(COCO_CATEGORY_IDS, COCO_CLASSES)],
        images=[dict(id=i, file_name=f'COCO_train2014_{i:012d}.jpg', height=12, width=10)
                for i in (9, 25, 30)],
        annotations=[
            annotation(9, 'person', square(0, 0, 6)), annotation(9, 'toothbrush', square(4, 4, 4)),
            annotation(25, 'dog', square(1, 2, 3) + square(6, 6, 3)),
            annotation(30, 'cat', crowd, crowd=1)])
    (tmp_path / 'annotations').mkdir()
    (tmp_path / 'train2014').mkdir()
    for image in content['images']:
        Image.new('RGB', (10, 12)).save(tmp_path / 'train2014' / image['file_name'])
    (tmp_path / 'annotations' / 'instances_train2014.json').write_text(json.dumps(content))
    return tmp_path


def run(root, *args):
    tool.main([str(root), '--splits', 'train2014', '--workers', '0', *args])


def names(*numbers):
    return [f'COCO_train2014_{number:012d}' for number in numbers]


def test_labels_and_lists(root, capsys):
    run(root)
    assert '3 images, 1 of them without any class' in capsys.readouterr().out
    labels = ImageLabels.load(root / 'image_labels_train2014.json')
    assert labels.classes == COCO_CLASSES
    assert [labels.images[n] for n in names(9, 25, 30)] == [
        ('person', 'toothbrush'), ('dog', ), ()]
    assert (root / 'train2014.txt').read_text().split() == names(9, 25)
    assert (root / 'train2014_unlabelled.txt').read_text().split() == names(30)
    assert len(WeakCOCO14Dataset(data_root=str(root))) == 2
    assert len(WeakCOCO14Dataset(data_root=str(root), unlabelled='keep')) == 3
    assert not (root / 'masks_train2014').exists()


def test_masks(root, capsys):
    pytest.importorskip('pycocotools')
    run(root, '--masks')
    masks = [np.array(Image.open(root / 'masks_train2014' / f'{n}.png')) for n in names(9, 25, 30)]
    expected = np.zeros((12, 10), np.uint8)
    expected[:6, :6] = 1
    expected[4:8, 4:8] = 80  # later annotations lie over earlier ones
    np.testing.assert_array_equal(masks[0], expected)
    assert np.unique(masks[1]).tolist() == [0, 17] and (masks[1] == 17).sum() == 18
    assert not masks[2].any()  # crowds are left out
    assert len(COCO14SegDataset(
        data_root=str(root), ann_file='train2014.txt',
        data_prefix=dict(img_path='train2014', seg_map_path='masks_train2014'))) == 2
    (root / 'masks_train2014' / f'{names(9)[0]}.png').unlink()
    run(root, '--masks', '--workers', '2')
    assert '1 masks written' in capsys.readouterr().out
    np.testing.assert_array_equal(
        np.array(Image.open(root / 'masks_train2014' / f'{names(9)[0]}.png')), expected)


def test_runs_of_lengths_are_decoded():
    pytest.importorskip('pycocotools')
    counts = dict(size=[3, 2], counts=[1, 2, 3])  # column by column: 0 1 1 0 0 0
    np.testing.assert_array_equal(tool.paint(3, 2, [(5, counts)]), [[0, 0], [5, 0], [5, 0]])


def test_errors(root, tmp_path):
    with pytest.raises(SystemExit, match='instances_train2014.json does not exist'):
        run(tmp_path / 'other')
    path = root / 'annotations' / 'instances_train2014.json'
    content = json.loads(path.read_text())
    path.write_text(json.dumps(dict(content, categories=content['categories'][:3])))
    with pytest.raises(SystemExit, match='missing'):
        run(root)
    path.write_text(json.dumps(dict(content, categories=content['categories'] + [
        dict(id=91, name='hair brush')])))
    with pytest.raises(SystemExit, match='80 classes'):
        run(root)
