import json

import pytest
from mmengine.registry import TRANSFORMS

import mmwsss  # noqa: F401
from mmwsss.datasets.detections import names_of_id, read_detections


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


BOX = '"image_id": 1, "score": 1, "bbox": '


@pytest.mark.parametrize('text, reason', [
    ('{', 'no JSON'), ('{}', 'list'), ('[{"image_id": 1}]', 'detection 0'), ('[3]', 'detection 0'),
    ('[{%s[1, 2]}]' % BOX, 'four numbers'), ('[{%s"1234"}]' % BOX, 'four numbers'),
    ('[{%s[1, 2, NaN, 4]}]' % BOX, 'nan is no finite'), ('[{%s[1, 2, -3, 4]}]' % BOX, 'above 0'),
    ('[{%s[1, 2, 3, 0]}]' % BOX, 'above 0'), ('[{%s[1, 2, Infinity, 4]}]' % BOX, 'inf is no'),
    ('[{"image_id": 1, "score": "0.5", "bbox": [1, 2, 3, 4]}]', "'0.5' is no finite"),
    ('[{"image_id": 1, "score": NaN, "bbox": [1, 2, 3, 4]}]', 'nan is no finite'),
    ('{"annotations": [], "categories": [1]}', 'categories')])
def test_bad_files(tmp_path, text, reason):
    path = tmp_path / 'bad.json'
    path.write_text(text)
    with pytest.raises(ValueError, match=reason) as raised:
        read_detections(str(path))
    assert 'bad.json' in str(raised.value)


def test_names_of_an_image_in_detection_files():
    assert names_of_id('2007_000032') == ['2007_000032', '2007000032']
    assert names_of_id('x/COCO_val2014_000000000032')[1:] == ['32']
    assert names_of_id('000000000032')[1:] == ['32'] and names_of_id('0032')[1:] == ['32']
    # Other names that end in a number are not images of that number.
    assert names_of_id('photo_32') == ['photo_32'] and names_of_id('a7') == ['a7']
    assert names_of_id('\N{SUPERSCRIPT TWO}') == ['\N{SUPERSCRIPT TWO}']  # a digit, no number


def written(tmp_path, content):
    path = tmp_path / 'boxes.json'
    path.write_text(json.dumps(content))
    return str(path)


def test_equal_numbers_of_two_years_are_two_images(tmp_path):
    file = written(tmp_path, [detection(32, 1, 1), detection('2010000032', 2, 1)])
    transform = TRANSFORMS.build(dict(type='LoadProposals', file=file))
    assert len(transform(dict(image_id='2007_000032'))['proposals']) == 0
    assert transform(dict(image_id='2010_000032'))['proposals'][0, 0] == 2


def test_a_number_that_can_be_two_images(tmp_path):
    transform = TRANSFORMS.build(dict(type='LoadProposals',
                                      file=written(tmp_path, [detection(32, 1, 1)])))
    assert transform.problem_with(['x/000000000032', 'x/000000000033']) is None
    problem = transform.problem_with(['x/000000000032', 'y/000000000032'])
    assert all(part in problem for part in ("'32'", "'x/000000000032'", "'y/000000000032'"))
    exact = TRANSFORMS.build(dict(type='LoadProposals', file=written(tmp_path, [
        detection('x/000000000032', 1, 1), detection('y/000000000032', 2, 1)])))
    assert exact.problem_with(['x/000000000032', 'y/000000000032']) is None


def test_equal_boxes_of_several_categories_count_once(tmp_path):
    same = [dict(detection('a', 1, score), category_id=c)
            for c, score in ((1, .2), (2, .9), (3, .4))]
    file = written(tmp_path, [*same, detection('a', 5, .3)])
    transform = TRANSFORMS.build(dict(type='LoadProposals', file=file, count=2))
    assert transform(dict(image_id='a'))['proposals'][:, 0].tolist() == [1, 5]


CATEGORIES = [dict(id=18, name='dog'), dict(id=3, name='cat')]


@pytest.mark.parametrize('content, expected', [
    ([1, 2, 2], [[0], [1, 2], [0, 1, 2]]),  # class index + 1
    (dict(categories=CATEGORIES, ids=[3, 18, 18]), [[0], [1, 2], [0, 1, 2]])])
def test_boxes_of_the_image_s_classes_only(tmp_path, content, expected):
    ids = content if isinstance(content, list) else content['ids']
    entries = [dict(detection('a', x, 1 - x / 10), category_id=c) for x, c in enumerate(ids)]
    if isinstance(content, dict):
        entries = dict(annotations=entries, categories=content['categories'])
    file = written(tmp_path, entries)
    transform = TRANSFORMS.build(dict(type='LoadProposals', file=file, classes=['cat', 'dog']))
    for present, boxes in zip(([0], [1], [0, 1]), expected):
        made = transform(dict(image_id='a', gt_label=present))['proposals']
        assert made[:, 0].tolist() == boxes
    assert transform(dict(image_id='a', gt_label=[]))['proposals'].shape == (0, 4)


@pytest.mark.parametrize('category, categories, reason', [
    (3, None, 'category_id 3 is none of the 2'), (0, None, 'category_id 0'),
    (None, None, 'without "category_id"'), (7, CATEGORIES, 'category_id 7'),
    (1, [dict(id=1, name='Dog')], "'Dog'")])
def test_categories_that_are_no_classes(tmp_path, category, categories, reason):
    entry = {k: v for k, v in dict(detection('a', 1, 1), category_id=category).items()
             if v is not None}
    file = written(tmp_path, dict(annotations=[entry], categories=categories or []))
    transform = TRANSFORMS.build(dict(type='LoadProposals', file=file, classes=['cat', 'dog']))
    with pytest.raises(ValueError, match=reason):
        transform(dict(image_id='a', gt_label=[0]))


def test_a_file_of_other_images(file, tmp_path, monkeypatch):
    transform = TRANSFORMS.build(dict(type='LoadProposals', file=file))
    assert transform.problem_with(['x', '2007_000032']) is None
    problem = transform.problem_with(['x', 'y'])
    assert 'none of 2 images' in problem and "'x'" in problem and "'2007_000032'" in problem
    empty = TRANSFORMS.build(dict(type='LoadProposals', file=written(tmp_path, [])))
    assert 'none at all' in empty.problem_with(['x'])
    monkeypatch.setattr('mmwsss.datasets.transforms.load_proposals.read_detections',
                        lambda file: pytest.fail('read again'))
    assert empty(dict(image_id='x'))['proposals'].shape == (0, 4)


def test_missing_file_and_bad_count(tmp_path):
    with pytest.raises(FileNotFoundError, match='make_proposals'):
        read_detections(str(tmp_path / 'none.json'))
    with pytest.raises(ValueError, match='count'):
        TRANSFORMS.build(dict(type='LoadProposals', file='x', count=0))
    with pytest.raises(ValueError, match='classes'):
        TRANSFORMS.build(dict(type='LoadProposals', file='x', classes='cityscapes'))
