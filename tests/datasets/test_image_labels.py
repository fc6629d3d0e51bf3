import json

import numpy as np
import pytest

from mmwsss.datasets import ImageLabels

CLASSES = ('cat', 'dog', 'cow')


@pytest.fixture
def labels():
    return ImageLabels(CLASSES, {'b': ['dog', 'cat'], 'a/x': [], 'ü': ['cow']})


def test_round_trip(tmp_path, labels):
    labels.save(tmp_path / 'new' / 'labels.json')
    assert ImageLabels.load(tmp_path / 'new' / 'labels.json') == labels
    content = json.loads((tmp_path / 'new' / 'labels.json').read_text(encoding='utf-8'))
    assert content['classes'] == list(CLASSES) and content['images']['b'] == ['dog', 'cat']


def test_one_image_a_line_sorted(labels):
    lines = labels.dumps().splitlines()
    assert [line.split(':')[0].strip() for line in lines[2:]] == ['"a/x"', '"b"', '"ü"']


def test_empty_file_round_trip(tmp_path):
    ImageLabels(CLASSES, {}).save(tmp_path / 'l.json')
    assert ImageLabels.load(tmp_path / 'l.json').images == {}


def test_access(labels):
    assert labels.indices('b') == [0, 1] and labels.indices('b', ['dog', 'cow', 'cat']) == [0, 2]
    np.testing.assert_array_equal(labels.one_hot(['ü', 'b', 'a/x']),
                                  [[0, 0, 1], [1, 1, 0], [0, 0, 0]])
    assert labels.unlabelled == ['a/x']
    assert list(labels.select(['b']).images) == ['b']
    with pytest.raises(ValueError, match='2 of the 3 listed images.*q, r'):
        labels.select(['q', 'b', 'r'])


@pytest.mark.parametrize('classes, images, message', [
    ((), {}, 'at least one'), (('a', 'a'), {}, "'a'"), (('a', ' '), {}, "' '"),
    (CLASSES, {'x': ['fox']}, "'x' is labelled 'fox'"), (CLASSES, {'x': ['cat', 'cat']}, 'twice'),
    (CLASSES, {'../x': []}, r'\.\.'), (CLASSES, {'/x': []}, 'absolute')])
def test_bad_labels(classes, images, message):
    with pytest.raises(ValueError, match=message):
        ImageLabels(classes, images)


GOOD = '"format": "mmwsss image labels", "version": 1'


@pytest.mark.parametrize('text, message', [
    ('', 'Expecting value'), ('[]', 'make_image_labels'), ('{"a": ["cat"]}', 'make_image_labels'),
    ('{"format": "mmwsss image labels", "version": 9}', 'version 9'),
    (f'{{{GOOD}, "classes": "cat", "images": {{}}}}', 'list of names'),
    (f'{{{GOOD}, "classes": ["cat"], "images": {{"x": "cat"}}}}', "image 'x'"),
    (f'{{{GOOD}, "classes": ["cat"], "images": {{"x": [0]}}}}', "image 'x'"),
    (f'{{{GOOD}, "classes": ["cat"], "images": {{"x": [], "x": ["cat"]}}}}', "'x' stands twice")])
def test_bad_files(tmp_path, text, message):
    path = tmp_path / 'labels.json'
    path.write_text(text)
    with pytest.raises(ValueError, match=f'labels.json.*{message}'):
        ImageLabels.load(path)


def test_missing_and_binary_files(tmp_path):
    with pytest.raises(FileNotFoundError, match='none.json.*make_image_labels'):
        ImageLabels.load(tmp_path / 'none.json')
    (tmp_path / 'x.json').write_bytes(b'\x93NUMPY\xff\xfe')
    with pytest.raises(ValueError, match='x.json'):
        ImageLabels.load(tmp_path / 'x.json')
