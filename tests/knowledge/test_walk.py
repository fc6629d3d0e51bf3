import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from mmwsss.knowledge import (ConvergenceError, random_walk_with_restart, relation_matrix,
                              walk_between)
from mmwsss.knowledge import walk as walk_module


def dense_solve(weights, seeds, restart=0.15, reference=False):
    """The definition r = (1-c) P^T r + (1 - sum((1-c) P^T r)) e_s, as a linear system per seed."""
    size, rows = len(weights), []
    sums = weights.sum(axis=1)
    divisor = np.maximum(sums, 1) if reference else np.where(sums > 0, sums, 1)
    step = (1 - restart) * (weights / divisor[:, None]).T
    for seed in seeds:
        unit = np.eye(size)[:, [seed]]
        rows.append(np.linalg.solve(np.eye(size) - step + unit @ step.sum(axis=0)[None],
                                    unit)[:, 0])
    return np.array(rows)


@st.composite
def graphs(draw):
    """Entries with repeats, self-loops, dead ends and isolated nodes."""
    size = draw(st.integers(1, 12))
    node = st.integers(0, size - 1)
    entries = draw(st.lists(st.tuples(node, node, st.floats(0.01, 5)), max_size=40))
    start, end, weight = zip(*entries) if entries else ((), (), ())
    matrix = sparse.coo_matrix((np.array(weight, float), (np.array(start, int),
                                                          np.array(end, int))), (size, size))
    seeds = draw(st.lists(node, min_size=1, max_size=5))
    return matrix, seeds


@pytest.fixture(params=[0, 600], ids=['iterate', 'dense'])
def dense_below(request, monkeypatch):
    monkeypatch.setattr(walk_module, '_DENSE_BELOW', request.param)


@settings(max_examples=60, deadline=None)
@given(case=graphs(), restart=st.sampled_from([0.05, 0.15, 0.6]),
       row_sums=st.sampled_from(['scaled', 'reference']), iterate=st.booleans())
def test_equals_a_dense_solve(case, restart, row_sums, iterate):
    matrix, seeds = case
    expected = dense_solve(matrix.toarray(), seeds, restart, row_sums == 'reference')
    full = random_walk_with_restart(matrix, seeds, restart, row_sums=row_sums)
    assert full.shape == expected.shape
    assert np.abs(full - expected).sum(axis=1).max() <= 1.01e-9
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(walk_module, '_DENSE_BELOW', 0 if iterate else 600)
        block = walk_between(matrix, seeds, restart, row_sums=row_sums)
    assert np.abs(block - expected[:, seeds]).sum(axis=1).max() <= 1.01e-9


@pytest.mark.parametrize('symmetric', [False, True])
def test_block_of_a_larger_sparse_graph(symmetric, dense_below):
    weights = sparse.random(1500, 1500, density=0.0015, random_state=0, format='csr')
    weights = (weights + weights.T).tocsr() if symmetric else weights
    nodes = np.random.default_rng(0).choice(1500, 12, replace=False)
    expected = dense_solve(weights.toarray(), nodes)[:, nodes]
    block = walk_between(weights, nodes)
    assert np.abs(block - expected).sum(axis=1).max() <= 1e-9
    assert (expected[~np.eye(12, dtype=bool)] > 0).any()


def test_by_hand():
    """0 -> 1, 1 a dead end: a visit to 0 is followed by one to 1 unless the walk restarts."""
    full = random_walk_with_restart(sparse.csr_matrix([[0, 2.0], [0, 0]]), [0], restart=0.2)
    np.testing.assert_allclose(full, [[1 / 1.8, 0.8 / 1.8]], atol=1e-9)


def test_rows_below_one_restart_in_the_reference():
    weights = sparse.csr_matrix([[0, 0.5], [0, 0]])
    scaled = random_walk_with_restart(weights, [0])
    reference = random_walk_with_restart(weights, [0], row_sums='reference')
    np.testing.assert_allclose(scaled, [[1 / 1.85, 0.85 / 1.85]], atol=1e-9)
    np.testing.assert_allclose(reference, [[1 / 1.425, 0.425 / 1.425]], atol=1e-9)


def test_isolated_class_stays_at_home_and_order_follows_the_nodes():
    weights = np.zeros((4, 4))
    weights[0, 1] = weights[1, 0] = 1
    block = walk_between(weights, [3, 1, 0, 1])
    expected = dense_solve(weights, [3, 1, 0, 1])[:, [3, 1, 0, 1]]
    np.testing.assert_allclose(block, expected, atol=1e-9)
    assert block[0, 0] == pytest.approx(1)


def test_many_seeds_and_the_input_is_left_alone():
    weights = sparse.random(50, 50, density=0.1, random_state=1, format='csr')
    before = weights.copy()
    seeds = list(range(40))
    full = random_walk_with_restart(weights, seeds)
    np.testing.assert_allclose(full, dense_solve(weights.toarray(), seeds), atol=1e-9)
    np.testing.assert_allclose(full.sum(axis=1), 1)
    walk_between(weights, seeds)
    assert (weights != before).nnz == 0


def test_no_convergence_tells_how_far_it_got(monkeypatch):
    monkeypatch.setattr(walk_module, '_DENSE_BELOW', 0)
    # Dense enough that nothing can be eliminated.
    weights = np.random.default_rng(0).random((30, 30))
    with pytest.raises(ConvergenceError, match=r'after max_iter=3 steps the error may still be'):
        random_walk_with_restart(weights, [0], max_iter=3)
    with pytest.raises(ConvergenceError, match=r'max_iter=1 steps .* above tol=1.0e-14'):
        walk_between(weights, [0, 1], tol=1e-14, max_iter=1)


@pytest.mark.parametrize('function', [random_walk_with_restart, walk_between])
@pytest.mark.parametrize('kwargs, message', [
    (dict(adjacency=np.ones((2, 3))), 'square'),
    (dict(adjacency=np.array([[0, -1], [1, 0]])), 'not negative'),
    (dict(adjacency=np.array([[0, np.nan], [1, 0]])), 'finite'),
    (dict(restart=0), 'restart=0'),
    (dict(restart=1), 'restart=1'),
    (dict(tol=0), 'tol=0'),
    (dict(max_iter=0), 'max_iter=0'),
    (dict(nodes=[2]), 'node 2 is not in the graph of 2'),
    (dict(nodes=[-1]), 'node -1'),
    (dict(nodes=[]), 'at least one'),
    (dict(nodes=[0.5]), 'whole'),
    (dict(row_sums='other'), "row_sums='other'"),
])
def test_bad_arguments(function, kwargs, message):
    arguments = {'adjacency': np.eye(2), 'nodes': [0], **kwargs}
    with pytest.raises(ValueError, match=message):
        function(arguments.pop('adjacency'), arguments.pop('nodes'), **arguments)


def test_relation_matrix():
    walks = np.array([[0.5, 0.04, 0], [0.01, 0.6, 0.2], [0.3, 0.0, 0.7]])
    expected = [[0.5, 0.02, 0], [0.02, 0.6, 0], [0, 0, 0.7]]
    np.testing.assert_allclose(relation_matrix(walks), expected, atol=1e-15)
    with pytest.raises(ValueError, match='square'):
        relation_matrix(np.ones((2, 3)))
    with pytest.raises(ValueError, match='not negative'):
        relation_matrix(-np.eye(2))
