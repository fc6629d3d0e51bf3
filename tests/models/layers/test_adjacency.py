"""normalize_adjacency and coupling against loops over rows and columns."""
import math

import pytest
import torch

from mmwsss.models.layers import ADJACENCY_MODES, coupling, normalize_adjacency


def relations(seed=0, size=6):
    generator = torch.Generator().manual_seed(seed)
    matrix = torch.rand(size, size, generator=generator, dtype=torch.float64)
    return (matrix + matrix.T) / 2


def paper(e):
    size = len(e)
    hat = [[float(e[i, j]) + (i == j) for j in range(size)] for i in range(size)]
    degree = [sum(row) for row in hat]
    return [[hat[i][j] / math.sqrt(degree[i] * degree[j]) for j in range(size)]
            for i in range(size)]


def zero_diag(e):
    size = len(e)
    out = [[0.0] * size for _ in range(size)]
    for i in range(size):
        total = sum(float(e[i, j]) for j in range(size) if j != i)
        for j in range(size):
            if j != i and total > 0:
                out[i][j] = 0.5 * float(e[i, j]) / total
        out[i][i] = 0.5 if total > 0 else 1.0
    return out


def row_max(e):
    size = len(e)
    scaled = torch.zeros_like(e)
    for i in range(size):
        largest = max(float(e[i, j]) for j in range(size) if j != i)
        for j in range(size):
            if i != j and largest > 0:
                scaled[i, j] = e[i, j] / largest
    for i in range(size):
        for j in range(i):
            scaled[i, j] = scaled[j, i] = max(scaled[i, j], scaled[j, i])
    return paper(scaled)


def uniform(e):
    size = len(e)
    return [[0.5 if i == j else 0.5 / (size - 1) for j in range(size)] for i in range(size)]


def identity(e):
    return [[float(i == j) for j in range(len(e))] for i in range(len(e))]


SLOW = dict(paper=paper, zero_diag=zero_diag, row_max=row_max, uniform=uniform, identity=identity)


def test_every_mode_is_checked():
    assert set(SLOW) == set(ADJACENCY_MODES)


@pytest.mark.parametrize('mode', sorted(SLOW))
@pytest.mark.parametrize('isolated', [False, True])
def test_against_loops(mode, isolated):
    e = relations()
    if isolated:
        e[2, :] = e[:, 2] = 0
        e[2, 2] = 0.3
    before = e.clone()
    out = normalize_adjacency(e, mode)
    torch.testing.assert_close(out, torch.tensor(SLOW[mode](e), dtype=torch.float64))
    assert torch.equal(e, before), 'the input must not change'


@pytest.mark.parametrize('mode', ['zero_diag', 'uniform', 'identity'])
def test_rows_of_averaging_modes_sum_to_one(mode):
    out = normalize_adjacency(relations(3), mode)
    torch.testing.assert_close(out.sum(1), torch.ones(6, dtype=torch.float64))


def test_coupling_is_the_off_diagonal_share():
    matrix = torch.tensor([[3., 1., 0.], [0., 2., 2.], [0., 0., 5.]])
    assert coupling(matrix) == pytest.approx((1 / 4 + 2 / 4 + 0) / 3)
    assert coupling(torch.eye(4)) == 0
    assert coupling(torch.zeros(3, 3)) == 0


def test_the_paper_normalisation_of_small_relations_is_nearly_the_identity():
    e = torch.full((20, 20), 3.6e-5, dtype=torch.float64)
    e.fill_diagonal_(0.3)
    assert coupling(normalize_adjacency(e, 'paper')) < 1e-3
    assert coupling(normalize_adjacency(e, 'zero_diag')) == pytest.approx(0.5)


@pytest.mark.parametrize('bad, message', [
    (torch.ones(2, 3), 'square'),
    (torch.tensor([[0., -1.], [0., 0.]]), '>= 0'),
    (torch.tensor([[0., float('nan')], [0., 0.]]), 'finite'),
])
def test_bad_relations(bad, message):
    with pytest.raises(ValueError, match=message):
        normalize_adjacency(bad)


def test_unknown_mode_names_the_known_ones():
    with pytest.raises(ValueError, match='zero_diag'):
        normalize_adjacency(relations(), 'softmax')
