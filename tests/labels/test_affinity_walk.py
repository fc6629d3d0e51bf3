"""The sparse walk against the dense matrix, written as IRN's definition reads."""
import math

import numpy as np
import pytest
import torch

from mmwsss.labels import propagate
from mmwsss.labels.affinity_walk import (
    chebyshev_coefficients,
    path_pixels,
    transition_matrix,
    walk_directions,
)


def distance_to_line(point, a, b):
    (y, x), (ay, ax), (by, bx) = point, a, b
    return abs((x - ax) * (by - ay) - (y - ay) * (bx - ax)) / math.hypot(by - ay, bx - ax)


def dense_transition(edge, radius, beta):
    """The column-normalised matrix, pixel pair by pixel pair."""
    h, w = edge.shape
    affinity = np.zeros((h * w, h * w))
    pixels = [(y, x) for y in range(h) for x in range(w)]
    for i, a in enumerate(pixels):
        for j, b in enumerate(pixels):
            if a == b:
                affinity[i, j] = 1
            elif math.dist(a, b) < radius:
                rows = range(min(a[0], b[0]), max(a[0], b[0]) + 1)
                columns = range(min(a[1], b[1]), max(a[1], b[1]) + 1)
                affinity[i, j] = 1 - max(edge[y, x] for y in rows for x in columns
                                         if distance_to_line((y, x), a, b) < 1)
    affinity = affinity ** beta
    return affinity / affinity.sum(axis=0, keepdims=True)


def dense_walk(activations, edge, radius=5, beta=10, steps=256):
    matrix = dense_transition(edge, radius, beta)
    start = (activations * (1 - edge)).reshape(len(activations), -1)
    return (start @ np.linalg.matrix_power(matrix, steps)).reshape(activations.shape)


def maps(h=11, w=14, c=3, seed=0):
    rng = np.random.default_rng(seed)
    edge = rng.random((h, w)) ** 3
    edge[:, w // 2] = 0.9  # a wall
    return rng.random((c, h, w)), edge


@pytest.mark.parametrize('steps', [0, 1, 2, 7, 64, 255, 256, 1000])
def test_equals_the_dense_walk_at_any_number_of_steps(steps):
    activations, edge = maps()
    expected = dense_walk(activations, edge, steps=steps)
    assert np.abs(propagate(activations, edge, steps=steps) - expected).max() < 1e-8
    single = propagate(activations.astype(np.float32), edge, steps=steps)
    assert single.dtype == np.float32
    assert np.abs(single - expected).max() < 1e-5


@pytest.mark.parametrize('radius, beta', [(5, 10), (2, 1), (3, 4.5), (2.5, 8), (1, 10), (20, 10)])
def test_equals_the_dense_walk_at_any_radius_and_power(radius, beta):
    activations, edge = maps(h=6, w=9)
    expected = dense_walk(activations, edge, radius, beta)
    got = propagate(torch.from_numpy(activations).float(), torch.from_numpy(edge), radius, beta)
    assert np.abs(got.numpy() - expected).max() < 1e-5


@pytest.mark.parametrize('h, w', [(1, 1), (1, 9), (7, 2), (3, 3)])
def test_images_smaller_than_the_radius(h, w):
    activations, edge = maps(h, w)
    assert np.abs(propagate(activations, edge) - dense_walk(activations, edge)).max() < 1e-8


@pytest.mark.parametrize('fill', [0., 1.])
def test_edges_everywhere_or_nowhere(fill):
    activations, edge = maps(8, 8)
    edge[:] = fill
    assert np.abs(propagate(activations, edge) - dense_walk(activations, edge)).max() < 1e-8


def test_matrix_is_the_transposed_dense_one_and_as_sparse_as_said():
    _, edge = maps()
    matrix = transition_matrix(torch.from_numpy(edge)[None])
    assert np.abs(matrix.to_dense().numpy() - dense_transition(edge, 5, 10).T).max() < 1e-12
    assert matrix.crow_indices().diff().max() <= 69


def test_scipy_takes_over_where_torch_has_no_mkl(monkeypatch):
    activations, edge = maps()
    expected = propagate(activations, edge)
    monkeypatch.setattr(torch.backends.mkl, 'is_available', lambda: False)
    assert np.abs(propagate(activations, edge) - expected).max() < 1e-12


def test_batch_equals_one_by_one_and_images_do_not_mix():
    several = [maps(seed=seed) for seed in range(3)]
    activations = torch.stack([torch.from_numpy(a) for a, _ in several])
    edge = torch.stack([torch.from_numpy(e) for _, e in several])
    for shape in (edge, edge[:, None]):
        together = propagate(activations, shape)
        assert together.shape == activations.shape
        for index in range(3):
            alone = propagate(activations[index], edge[index])
            assert (together[index] - alone).abs().max() < 1e-12


def test_directions_and_paths():
    assert len(walk_directions(5)) == 34 and len(walk_directions(10)) == 152
    assert path_pixels(0, 3) == [(0, 0), (0, 1), (0, 2), (0, 3)]
    # (0, -1) is 2/√5 from the line through (0, 0) and (2, -1); so is (2, 0).
    assert set(path_pixels(2, -1)) == {(0, 0), (1, 0), (1, -1), (2, -1), (0, -1), (2, 0)}
    # (0, -2) is √2 from the diagonal and left out.
    assert set(path_pixels(2, -2)) == {(0, 0), (0, -1), (1, 0), (1, -1), (1, -2), (2, -1), (2, -2)}


def test_chebyshev_sum_is_the_power():
    points = np.linspace(-1, 1, 101)
    for steps in (0, 1, 5, 256):
        series = np.polynomial.chebyshev.chebval(points, chebyshev_coefficients(steps))
        assert np.abs(series - points ** steps).max() < 2e-9
    assert len(chebyshev_coefficients(256)) < 100


def test_activation_stays_behind_a_wall():
    edge = torch.zeros(9, 30)
    edge[:, 15] = 1
    activations = torch.zeros(1, 9, 30)
    activations[0, 4, 3] = 1
    walked = propagate(activations, edge)
    assert walked[0, :, 16:].abs().max() == 0 and walked[0, :, :15].min() > 0


@pytest.mark.parametrize('change, message', [
    (dict(edge=torch.zeros(5, 6)), 'does not fit'),
    (dict(edge=torch.zeros(7, 5)), 'does not fit'),
    (dict(edge=torch.full((5, 7), 1.5)), r'edge must lie in \[0, 1\]'),
    (dict(edge=torch.full((5, 7), float('nan'))), r'edge must lie in \[0, 1\]'),
    (dict(activations=torch.full((1, 5, 7), float('nan'))), 'NaN or infinite'),
    (dict(activations=torch.zeros(5, 7)), r'must be \(C, H, W\)'),
    (dict(radius=0), 'radius > 0'), (dict(beta=0), 'beta > 0'), (dict(steps=-1), 'steps ≥ 0'),
    (dict(steps=2.5), 'whole steps'),
])
def test_bad_input(change, message):
    arguments = dict(activations=torch.zeros(1, 5, 7), edge=torch.zeros(5, 7))
    arguments.update(change)
    with pytest.raises(ValueError, match=message):
        propagate(**arguments)


def test_starts_from_the_maps_themselves_if_asked_to():
    activations, edge = maps()
    undone = activations / (1 - edge)
    walked = propagate(activations, edge, steps=5, suppress_edges=False)
    np.testing.assert_allclose(walked, dense_walk(undone, edge, steps=5), rtol=1e-5, atol=1e-6)


def test_input_is_not_changed():
    activations, edge = (torch.from_numpy(array) for array in maps())
    before = activations.clone(), edge.clone()
    propagate(activations, edge)
    assert torch.equal(activations, before[0]) and torch.equal(edge, before[1])


@pytest.mark.cuda
def test_gpu_equals_cpu():
    activations, edge = maps(40, 50)
    activations, edge = torch.from_numpy(activations).float(), torch.from_numpy(edge).float()
    on_gpu = propagate(activations.cuda(), edge.cuda())
    assert on_gpu.is_cuda
    assert (on_gpu.cpu() - propagate(activations, edge)).abs().max() < 1e-5
