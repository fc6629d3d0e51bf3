import sys

import numpy as np
import pytest
from PIL import Image

from mmwsss.knowledge import ClassGraph
from tests.paths import ROOT

sys.path.insert(0, str(ROOT / 'tools'))
import plot_class_graph  # noqa: E402


def graph(relations) -> ClassGraph:
    return ClassGraph(['cat', 'dog', 'bus'], relations, np.ones((3, 2)), {})


RELATED = np.array([[0.3, 0.02, 0.001], [0.02, 0.3, 0], [0.001, 0, 0.3]])


@pytest.mark.parametrize('relations', [RELATED, np.eye(3), np.zeros((3, 3))])
def test_draws_a_png(tmp_path, relations):
    graph(relations).save(tmp_path / 'g.npz')
    assert plot_class_graph.main([str(tmp_path / 'g.npz'), '--out', str(tmp_path / 'g.png')]) == 0
    with Image.open(tmp_path / 'g.png') as image:
        assert image.format == 'PNG' and len(np.unique(np.asarray(image))) > 20


def test_nearest_and_couplings():
    near = plot_class_graph.nearest_classes(graph(RELATED), 2)
    assert near == {'cat': [('dog', 0.02), ('bus', 0.001)], 'dog': [('cat', 0.02)],
                    'bus': [('cat', 0.001)]}
    shares = plot_class_graph.couplings(graph(RELATED))
    assert shares['identity'] == 0 < shares['paper'] < shares['zero_diag'] == pytest.approx(0.5)


def test_a_missing_graph_is_named(tmp_path, capsys):
    assert plot_class_graph.main(['no.npz', '--out', str(tmp_path / 'x.png')]) == 1
    assert 'no.npz' in capsys.readouterr().err and not list(tmp_path.iterdir())
