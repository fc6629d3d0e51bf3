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
    np.testing.assert_array_equal(tool.paint(3, 2, [(5, counts, 7)]), [[0, 0], [5, 0], [5, 0]])


def with_annotation(root, **changed):
    """The file with one annotation more, of image 9 and number 77; None takes a key out."""
    path = root / 'annotations' / 'instances_train2014.json'
    content = json.loads(path.read_text())
    entry = {**annotation(9, 'person', square(0, 0, 6)), 'id': 77, **changed}
    content['annotations'].append({k: v for k, v in entry.items() if v is not None})
    path.write_text(json.dumps(content))


def of(**changed):
    return {**dict(size=[12, 10], counts=[0, 120]), **changed}


@pytest.mark.parametrize('segmentation', [[], [[]], [[1, 1, 5, 5]], [[], [3, 3]]])
def test_annotations_without_area_are_counted_and_not_painted(root, capsys, segmentation):
    pytest.importorskip('pycocotools')
    run(root, '--masks')
    path = root / 'masks_train2014' / f'{names(9)[0]}.png'
    before = path.read_bytes()
    with_annotation(root, segmentation=segmentation, category_id=18)
    run(root, '--masks', '--overwrite')
    assert '3 masks written; 1 annotations without area: 77' in capsys.readouterr().out
    assert path.read_bytes() == before
    assert 'dog' in ImageLabels.load(root / 'image_labels_train2014.json').images[names(9)[0]]


@pytest.mark.parametrize('segmentation, message', [
    (None, "it has no 'segmentation'"), ('here', 'h is no polygon'), ({}, "it has no 'size'"),
    ([[0, 0, 5, 0, 5]], 'is no polygon'), ([0, 0, 5, 0, 5, 5], '0 is no polygon'),
    ([[0, 0, 5, 0, 5, 'x']], "'?x'?"), (of(counts=[5, 10]), 'add up to 15, not 12 x 10'),
    (of(size=[10, 12]), r'\[10, 12\], this one has \[12, 10\]'), (of(counts=None), 'None')])
def test_damaged_segmentations_are_named(root, segmentation, message):
    pytest.importorskip('pycocotools')
    with_annotation(root, segmentation=segmentation)
    run(root)  # labels do not need them
    with pytest.raises(SystemExit,
                       match=f'image (9|{names(9)[0]}), annotation 77: .*{message}.*: mend'):
        run(root, '--masks')


@pytest.mark.parametrize('changed, message', [
    (dict(category_id=None), 'its category_id is missing'),
    (dict(category_id=12), 'category_id 12 is missing in the file'),
    (dict(image_id=99), 'image_id 99 is missing in the file')])
def test_annotations_of_nothing_are_named(root, changed, message):
    with_annotation(root, **changed)
    with pytest.raises(SystemExit, match=f'instances_train2014.json, annotation 77 .*{message}'):
        run(root)


def test_ids_may_have_folders(root):
    pytest.importorskip('pycocotools')
    path = root / 'annotations' / 'instances_train2014.json'
    content = json.loads(path.read_text())
    content['images'][0]['file_name'] = 'part/9.jpg'
    path.write_text(json.dumps(content))
    run(root, '--masks')
    assert np.array(Image.open(root / 'masks_train2014' / 'part' / '9.png')).max() == 80


def test_image_without_size_is_named(root):
    path = root / 'annotations' / 'instances_train2014.json'
    content = json.loads(path.read_text())
    del content['images'][1]['width']
    path.write_text(json.dumps(content))
    with pytest.raises(SystemExit, match=f'image {names(25)[0]}.jpg has no width'):
        run(root, '--masks')


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
