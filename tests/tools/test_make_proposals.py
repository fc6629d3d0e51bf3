"""Boxes around components of maps, and detections cut down."""
import importlib.util
import json

import numpy as np
import pytest
import torch

from mmwsss.datasets.detections import read_detections
from mmwsss.labels import ActivationStore
from mmwsss.labels.component_boxes import component_boxes
from tests.paths import ROOT


@pytest.fixture(scope='module')
def tool():
    spec = importlib.util.spec_from_file_location(
        'make_proposals', ROOT / 'tools' / 'make_proposals.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def slow_boxes(map_hw, threshold):
    """Flood fill, eight neighbours."""
    left = {(int(y), int(x)) for y, x in zip(*np.nonzero(map_hw > threshold))}
    boxes = set()
    while left:
        component, edge = set(), [left.pop()]
        while edge:
            y, x = edge.pop()
            component.add((y, x))
            near = {(y + i, x + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & left
            left -= near
            edge += near
        rows, columns = zip(*component)
        boxes.add((min(columns), min(rows), max(columns) + 1, max(rows) + 1))
    return boxes


def test_boxes_equal_a_flood_fill():
    maps = torch.rand(2, 9, 12)**2
    found = component_boxes(maps, [3, 7], (33, 46), stride=4, thresholds=(0.4, 0.6), min_share=0)
    expected = {(label, 4 * x0, 4 * y0, min(4 * x1, 46), min(4 * y1, 33))
                for label, map_hw in zip((3, 7), maps.numpy()) for threshold in (0.4, 0.6)
                for x0, y0, x1, y1 in slow_boxes(map_hw, threshold)}
    assert {(b['label'], b['bbox'][0], b['bbox'][1], b['bbox'][0] + b['bbox'][2],
             b['bbox'][1] + b['bbox'][3]) for b in found} == expected
    assert len(found) == len(expected)
    scores = [b['score'] for b in found]
    assert scores == sorted(scores, reverse=True) and all(0.4 < s <= 1 for s in scores)


def test_small_components_are_left_out():
    maps = torch.zeros(1, 10, 10)
    maps[0, 0, 0], maps[0, 4:8, 4:8] = 0.9, 0.8
    found = component_boxes(maps, [0], (40, 40), thresholds=(0.5, ), min_share=0.02)
    assert [b['bbox'] for b in found] == [[16, 16, 16, 16]]
    assert found[0]['score'] == pytest.approx(0.8)


def test_from_a_store_of_maps(tool, tmp_path, capsys):
    store = ActivationStore(tmp_path / 'store', ['cat', 'dog'])
    maps = torch.zeros(2, 10, 10)
    maps[0, :5, :5], maps[1, 6:, 6:] = 0.9, 0.6
    store.write('a', maps, [0, 1], (40, 38))
    store.write('b', torch.zeros(0, 10, 10), [], (40, 38))
    out = tmp_path / 'new' / 'boxes.json'
    args = ['--activations', str(tmp_path / 'store'), '--out', str(out)]
    assert tool.main(args) == 0
    assert '2 boxes of 1 images' in capsys.readouterr().out
    first, second = json.loads(out.read_text())
    assert first['image_id'] == 'a' and first['category_id'] == 1
    assert first['bbox'] == [0, 0, 20, 20] and second['bbox'] == [24, 24, 14, 16]
    assert tool.main([*args, '--top', '1']) == 0
    detection, = read_detections(str(out)).found
    assert detection.image_id == 'a' and detection.box == (0, 0, 20, 20)


def test_from_detections(tool, tmp_path, capsys):
    given = tmp_path / 'given.json'
    given.write_text(json.dumps([dict(image_id=4, category_id=2, bbox=[i, 0, 5, 5], score=i / 10)
                                 for i in range(5)]))
    out = tmp_path / 'out.json'
    assert tool.main(['--detections', str(given), '--top', '2', '--out', str(out)]) == 0
    assert [d['bbox'][0] for d in json.loads(out.read_text())] == [4, 3]
    categories = [dict(id=2, name='cat')]
    given.write_text(json.dumps(dict(annotations=[dict(
        image_id=4, category_id=2, bbox=[0, 0, 5, 5], score=1)], categories=categories)))
    assert tool.main(['--detections', str(given), '--out', str(out)]) == 0
    assert read_detections(str(out)).categories == {2: 'cat'}
    given.write_text('[{"image_id": 4, "bbox": [0, 0, 5, 5], "score": "0.5"}]')
    assert tool.main(['--detections', str(given), '--out', str(out)]) == 2
    assert "'0.5'" in capsys.readouterr().err
    given.write_text('[3]')
    assert tool.main(['--detections', str(given), '--out', str(out)]) == 2
    assert 'detection 0' in capsys.readouterr().err
    assert tool.main(['--activations', str(tmp_path / 'none'), '--out', str(out)]) == 2
