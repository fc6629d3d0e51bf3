"""The lattice against the algorithm of the paper, written point by point with a dictionary."""
import itertools
import math

import numpy as np
import pytest
import torch

from mmwsss.labels.permutohedral import PermutohedralLattice


def embed(feature):
    """Onto the plane Σ = 0: E·feature of the paper, with the scale for a unit total variance."""
    f = len(feature)
    basis = np.zeros((f + 1, f))
    for i in range(f):
        basis[:i + 1, i] = 1
        basis[i + 1, i] = -(i + 1)
        basis[:, i] /= math.sqrt((i + 1) * (i + 2))
    return math.sqrt(2 / 3) * (f + 1) * basis @ feature


def corners_and_weights(point):
    """Corners of the simplex around a point of the plane: the points of the lattice whose
    barycentric coordinates of it are not negative, found through the sorted differences."""
    v = len(point)
    best = min((np.array(candidate) * v for candidate in itertools.product(
        *[(math.floor(x / v), math.ceil(x / v)) for x in point]) if sum(candidate) == 0),
        key=lambda corner: ((point - corner) ** 2).sum())
    rest = point - best
    order = np.argsort(-rest, kind='stable')  # largest first
    corners, weights = [], []
    for r in range(v):
        step = np.full(v, float(r))
        step[order[v - r:]] = r - v
        corners.append(tuple((best + step).astype(int)))
    smallest_first = rest[order][::-1] / v
    weights.append(1 + smallest_first[0] - smallest_first[-1])
    weights += [smallest_first[r] - smallest_first[r - 1] for r in range(1, v)]
    return corners, weights


def naive_filter(features, values):
    v = features.shape[1] + 1
    splatted, places = {}, []
    for feature, value in zip(features, values):
        corners, weights = corners_and_weights(embed(feature))
        assert min(weights) > -1e-9 and abs(sum(weights) - 1) < 1e-9
        assert np.allclose(sum(w * np.array(c) for w, c in zip(weights, corners)), embed(feature))
        places.append((corners, weights))
        for corner, weight in zip(corners, weights):
            splatted[corner] = splatted.get(corner, 0) + weight * value
    for direction in range(v):
        step = np.full(v, -1)
        step[direction] = v - 1
        splatted = {corner: value + 0.5 * sum(
            splatted.get(tuple(np.array(corner) + sign * step), 0) for sign in (1, -1))
            for corner, value in splatted.items()}
    return np.array([sum(weight * splatted[corner] for corner, weight in zip(*place))
                     for place in places])


@pytest.mark.parametrize('f', [1, 2, 3, 5])
def test_equals_the_naive_lattice(f):
    features = torch.randn(60, f) * 1.5
    values = torch.rand(60, 3)
    expected = naive_filter(features.double().numpy(), values.double().numpy())
    got = PermutohedralLattice(features).filter(values)
    assert np.abs(got.numpy() - expected).max() < 1e-4 * expected.max()


def test_is_close_to_a_gaussian():
    """On a dense grid, normalised, the lattice is within a few per cent of the exact filter."""
    grid = torch.stack(torch.meshgrid(torch.arange(24.), torch.arange(24.), indexing='ij'), -1)
    features = grid.flatten(0, 1) / 3
    values = torch.rand(len(features), 2)
    exact = (-torch.cdist(features, features) ** 2 / 2).exp()
    exact = exact @ values / exact.sum(dim=1, keepdim=True)
    lattice = PermutohedralLattice(features)
    ours = lattice.filter(values) / lattice.filter(torch.ones(len(features), 1))
    assert (ours - exact).abs().max() < 0.05
    assert (ours - exact).abs().mean() < 0.01


def test_filter_is_linear_and_nearly_symmetric_in_its_points():
    features = torch.randn(40, 3)
    matrix = PermutohedralLattice(features).filter(torch.eye(40))
    values = torch.rand(40, 5)
    assert torch.allclose(matrix @ values, PermutohedralLattice(features).filter(values),
                          atol=1e-5)
    assert (matrix >= 0).all() and (matrix.diagonal() > 0).all()


def test_points_outside_float_range_of_codes_are_refused():
    with pytest.raises(ValueError, match='standard deviations are too small'):
        PermutohedralLattice(torch.randn(10, 5) * 1e6)
