import json

import pytest
from mmengine.registry import TRANSFORMS

import mmwsss  # noqa: F401
from mmwsss.datasets.transforms.load_proposals import read_proposals


def detection(image_id, x, score):
    return dict(image_id=image_id, category_id=1, bbox=[x, 1, 10, 20], score=score)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / 'boxes.json'
    path.write_text(json.dumps([
        detection('2007_000032', 1, 0.1), detection('2007_000032', 2, 0.9),
        detection('2007_000032', 3, 0.5), detection('2007_000032', 4, 0.5), detection(9, 5, 1)]))
    return str(path)


def test_the_best_boxes_of_an_image_as_corners(file):
    transform = TRANSFORMS.build(dict(type='LoadProposals', file=file, count=3))
    boxes = transform(dict(image_id='2007_000032'))['proposals']
    assert boxes.tolist() == [[2, 1, 12, 21], [3, 1, 13, 21], [4, 1, 14, 21]]


def test_ids_that_are_numbers_and_images_without_boxes(file):
    transform = TRANSFORMS.build(dict(type='LoadProposals', file=file))
    assert transform(dict(image_id='COCO_train2014_000000000009'))['proposals'].shape == (1, 4)
    assert transform(dict(image_id='COCO_train2014_000000000010'))['proposals'].shape == (0, 4)
    assert transform(dict(image_id='x'))['proposals'].shape == (0, 4)


@pytest.mark.parametrize('text, reason', [
    ('{', 'no JSON'), ('{}', 'list'), ('[{"image_id": 1}]', 'detection 0'),
    ('[{"image_id": 1, "bbox": [1, 2], "score": 1}]', 'detection 0')])
def test_bad_files(tmp_path, text, reason):
    path = tmp_path / 'bad.json'
    path.write_text(text)
    with pytest.raises(ValueError, match=reason):
        read_proposals(str(path), 3)


def test_missing_file_and_bad_count(tmp_path):
    with pytest.raises(FileNotFoundError, match='make_proposals'):
        read_proposals(str(tmp_path / 'none.json'), 3)
    with pytest.raises(ValueError, match='count'):
        TRANSFORMS.build(dict(type='LoadProposals', file='x', count=0))
