"""The class graph's drawing: names that can be read, and the links that they should have."""
import numpy as np
import pytest

from mmwsss.knowledge import ClassGraph
from mmwsss.visualization.graph_drawing import graph_drawings, nearest_classes, strongest_links


def some_graph(size, seed=0):
    relations = np.random.default_rng(seed).uniform(size=(size, size)) ** 4
    relations[0] = relations[:, 0] = 0  # a class without any
    return ClassGraph([f'class number {i}' for i in range(size)], relations, np.eye(size), {})


def boxes_of(drawing):
    return [(box['x'] - box['width'] / 2, box['y'] - box['height'] / 2,
             box['x'] + box['width'] / 2, box['y'] + box['height'] / 2)
            for box in drawing['names']]


@pytest.mark.parametrize('graph', [some_graph(1), some_graph(2), some_graph(3), some_graph(30),
                                   ClassGraph.load('voc'), ClassGraph.load('coco')],
                         ids=lambda graph: str(len(graph)))
@pytest.mark.parametrize('kind', ['wide', 'tall'])
def test_names_cover_no_other_and_stay_inside(graph, kind):
    drawing = graph_drawings(graph)[kind]
    boxes = boxes_of(drawing)
    assert len(boxes) == len(graph)
    for left, top, right, bottom in boxes:
        assert 0 <= left < right <= drawing['width'] and 0 <= top < bottom <= drawing['height']
    for i, one in enumerate(boxes):
        for other in boxes[:i]:
            apart = max(one[0] - other[2], other[0] - one[2], one[1] - other[3],
                        other[1] - one[3])
            assert apart > 0
    assert drawing == graph_drawings(graph)[kind]


def test_links_against_loops():
    graph = some_graph(9)
    weights = [[0 if i == j else max(graph.relations[i, j], graph.relations[j, i])
                for j in range(9)] for i in range(9)]
    expected = set()
    for i in range(9):
        others = sorted(range(9), key=lambda j: -weights[i][j])[:2]
        expected |= {tuple(sorted((i, j))) for j in others if weights[i][j] > 0}
    assert strongest_links(np.array(weights), 2) == sorted(expected)
    tall = graph_drawings(graph)['tall']
    assert len(tall['lines']) == len(expected)
    strongest = max(tall['lines'], key=lambda line: line['stroke'])
    i, j = max(expected, key=lambda pair: weights[pair[0]][pair[1]])
    ends = {(box['x'], box['y']) for k, box in enumerate(tall['names']) if k in (i, j)}
    assert {(strongest['x1'], strongest['y1']), (strongest['x2'], strongest['y2'])} == ends


def test_rows_of_neighbours():
    graph = some_graph(6)
    rows = graph_drawings(graph, nearest=2)['nearest']
    assert [row['name'] for row in rows] == list(graph.names)
    assert rows[0]['others'] == []
    near = nearest_classes(graph, 2)
    for row in rows:
        assert [entry[:2] for entry in row['others']] == near[row['name']]
    shares = [share for row in rows for _, _, share in row['others']]
    assert max(shares) == 1 and min(shares) > 0
