"""Random walks with restart on a sparse graph: all of it, or the part between a few nodes.

A walker at a node goes on along an edge with probability 1 - c, in proportion to the weights, and
restarts at its seed otherwise, and always at a dead end. r_s is where it is found in the long run:

    r = (1 - c) P^T r + (1 - sum((1 - c) P^T r)) e_s,      P = adjacency, rows over their sums.

The bracket is a number, so r is x / sum(x) with x = (I - (1 - c) P^T)^-1 e_s; both functions here
solve for x. Sources: Tong et al. 2006; Fang et al. 2017; grm.txt §3.2, Eq. 3.

Shape letters: N nodes, S seeds, C class nodes, M nodes left after elimination.
"""
from typing import Optional, Sequence, Tuple, Union

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import breadth_first_order

Adjacency = Union[sparse.spmatrix, sparse.sparray, np.ndarray]

ROW_SUMS = ('scaled', 'reference')
_DENSE_BELOW = 600  # nodes for which a dense solve is quicker than iterating
_SEEDS_AT_ONCE = 16  # columns of a block: enough to share the reading of the matrix
_CORRECT_EVERY = 3  # steps between two removals of the slowest mode
_ROWS = 4096  # rows of a block that are worked on together, so that they stay in the cache


class ConvergenceError(RuntimeError):
    """An iteration that did not get to its tolerance."""


def random_walk_with_restart(adjacency: Adjacency,
                             seeds: Sequence[int],
                             restart: float = 0.15,
                             tol: float = 1e-9,
                             max_iter: int = 1000,
                             *,
                             row_sums: str = 'scaled') -> np.ndarray:
    """Where walks that restart at each seed are found in the long run.

    Args:
        adjacency: (N, N) weights >= 0, row = from; duplicate entries add up; need not be
            symmetric.
        seeds: S start nodes.
        restart: c in (0, 1).
        tol: largest L1 error of a returned row (a proven bound, not the last change).
        max_iter: steps of the walk.
        row_sums: ``'scaled'``: every row with weight is a distribution. ``'reference'``: rows are
            divided by max(sum, 1), as in the reference's code: what a row lacks to 1 restarts.

    Returns:
        ndarray: (S, N) float64, rows sum to 1.

    Raises:
        ValueError: for a matrix or an argument out of range.
        ConvergenceError: if ``max_iter`` steps do not reach ``tol``; says how far they got.
    """
    _check_arguments(restart, tol, max_iter)
    step = _transition(adjacency, restart, row_sums).T.tocsr()
    seeds = _check_nodes(seeds, step.shape[0])
    result = np.empty((len(seeds), step.shape[0]))
    for first in range(0, len(seeds), _SEEDS_AT_ONCE):
        part = slice(first, first + _SEEDS_AT_ONCE)
        result[part] = _walk(step, seeds[part], restart, tol, max_iter).T
    return result


def walk_between(adjacency: Adjacency,
                 nodes: Sequence[int],
                 restart: float = 0.15,
                 tol: float = 1e-9,
                 max_iter: int = 1000,
                 *,
                 row_sums: str = 'scaled') -> np.ndarray:
    """``random_walk_with_restart(adjacency, nodes, ...)[:, nodes]``, much faster on big graphs.

    Only mass on its way from a class node to a class node matters:

    1. what the class nodes cannot reach is dropped; what cannot come back to them counts only in
       sum(x), for which one column is enough;
    2. nodes with one way in or one way out (and others that cost no additional edge) are
       eliminated exactly, many at a time, until none are left;
    3. the rest is solved for all class nodes and sum(x) at once, backwards: (I - W) Y = [e_c, 1].
       Backwards the residual is bounded row by row, since rows of W sum to at most 1 - c, and it
       starts small, since few walks hit a class node. The slowest mode is taken out by a
       correction along W's leading eigenvectors;
    4. steps are made in single precision, but the residual is taken anew in double precision until
       its bound is below the tolerance: that of the returned result, too.

    Args: see :func:`random_walk_with_restart`; ``nodes`` are the C class nodes.

    Returns:
        ndarray: (C, C) float64, R[i, j] = share of time at node j of walks from node i. The L1
        error of each row is at most ``tol``.

    Raises:
        ValueError, ConvergenceError: as above.
    """
    _check_arguments(restart, tol, max_iter)
    walk = _transition(adjacency, restart, row_sums)
    nodes = _check_nodes(nodes, walk.shape[0])
    unique, position = np.unique(nodes, return_inverse=True)
    inner, ones, first_rows = _between(walk, unique, tol, restart, max_iter)
    inner, ones, class_rows = _eliminate(inner, ones, first_rows)
    solution = _solve_backwards(inner, ones, class_rows, tol, max_iter)
    block = solution[class_rows]
    result = block[:, :-1] / block[:, -1:]
    return result[np.ix_(position, position)]


def relation_matrix(R: np.ndarray) -> np.ndarray:
    """Eq. 3: E = sqrt(R ∘ R^T), the symmetric relation of two classes.

    Args:
        R: (C, C), R[i, j] = probability to be at class j for walks from class i; >= 0.

    Returns:
        ndarray: (C, C) float64, symmetric; the diagonal is that of R.

    Raises:
        ValueError: if R is not square or has negative or undefined values.
    """
    walks_cc = np.asarray(R, dtype=np.float64)
    if walks_cc.ndim != 2 or walks_cc.shape[0] != walks_cc.shape[1]:
        raise ValueError(f'R must be square (C, C), not {walks_cc.shape}')
    if not np.isfinite(walks_cc).all() or (walks_cc < 0).any():
        raise ValueError('R must be finite and not negative')
    return np.sqrt(walks_cc) * np.sqrt(walks_cc.T)


def _check_arguments(restart: float, tol: float, max_iter: int) -> None:
    if not 0 < restart < 1:
        raise ValueError(f'restart={restart} must lie between 0 and 1')
    if not tol > 0:
        raise ValueError(f'tol={tol} must be above 0')
    if max_iter < 1:
        raise ValueError(f'max_iter={max_iter} must be at least 1')


def _check_nodes(nodes: Sequence[int], size: int) -> np.ndarray:
    found = np.atleast_1d(np.asarray(nodes))
    if found.ndim != 1 or not len(found) or found.dtype.kind not in 'iu':
        raise ValueError('give at least one node, as whole numbers')
    outside = found[(found < 0) | (found >= size)]
    if len(outside):
        raise ValueError(f'node {outside[0]} is not in the graph of {size} nodes')
    return found.astype(np.int64)


def _transition(adjacency: Adjacency, restart: float, row_sums: str) -> sparse.csr_matrix:
    """(1 - c) P as CSR."""
    if row_sums not in ROW_SUMS:
        raise ValueError(f'row_sums={row_sums!r} is unknown; use one of {ROW_SUMS}')
    matrix = sparse.csr_matrix(adjacency, dtype=np.float64, copy=True)
    if matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f'the adjacency must be square, not {matrix.shape}')
    if not np.isfinite(matrix.data).all() or (matrix.data < 0).any():
        raise ValueError('the adjacency must be finite and not negative')
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    sums = np.asarray(matrix.sum(axis=1)).ravel()
    if row_sums == 'reference':
        sums = np.maximum(sums, 1)
    sums[sums == 0] = 1
    matrix.data *= (1 - restart) / np.repeat(sums, np.diff(matrix.indptr))
    return matrix


def _walk(step: sparse.csr_matrix, seeds: np.ndarray, restart: float, tol: float,
          max_iter: int) -> np.ndarray:
    """x / sum(x) of each seed as columns, (N, S): the walk's steps added up."""
    term = np.zeros((step.shape[0], len(seeds)))
    term[seeds, np.arange(len(seeds))] = 1
    total = term.copy()
    for _ in range(max_iter):
        term = step @ term
        total += term
        # What is still to come is at most the last step times (1 - c) / c; normalising doubles it.
        sums = total.sum(axis=0)
        bound = float((2 * (1 - restart) / restart * term.sum(axis=0) / sums).max())
        if bound <= tol:
            return total / sums
    raise ConvergenceError(f'after max_iter={max_iter} steps the error may still be {bound:.1e}, '
                           f'above tol={tol:.1e}: raise max_iter or tol')


def _between(walk: sparse.csr_matrix, nodes: np.ndarray, tol: float, restart: float,
             max_iter: int) -> Tuple[sparse.csr_matrix, np.ndarray, np.ndarray]:
    """The part on ways from class node to class node.

    Returns:
        tuple: that part (M, M), right-hand side for sum(x) (M,), rows of the class nodes (C,).
    """
    reached = _reachable(walk, nodes)
    walk = walk[reached][:, reached]
    nodes = np.searchsorted(reached, nodes)
    live = _reachable(walk.T.tocsr(), nodes)
    lost = np.setdiff1d(np.arange(walk.shape[0]), live, assume_unique=True)
    ones = np.ones(len(live))
    rows = walk[live]
    if len(lost):
        ones += rows[:, lost] @ _time_until_end(walk[lost][:, lost], tol * restart / 8, restart,
                                                max_iter)
    return rows[:, live].tocsr(), ones, np.searchsorted(live, nodes)


def _reachable(matrix: sparse.csr_matrix, nodes: np.ndarray) -> np.ndarray:
    """Sorted nodes that can be reached from any of the given ones, these included."""
    size = matrix.shape[0]
    source = sparse.csr_matrix((np.ones(len(nodes)), (np.zeros(len(nodes), int), nodes)),
                               shape=(1, size))
    joined = sparse.vstack([matrix, source], format='csr')
    joined.resize(size + 1, size + 1)
    order = breadth_first_order(joined, size, return_predecessors=False)
    return np.sort(order[1:]).astype(np.int64)


def _time_until_end(walk: sparse.csr_matrix, tol: float, restart: float,
                    max_iter: int) -> np.ndarray:
    """(I - walk)^-1 1: expected number of steps until the restart, per node, within ``tol``."""
    term = np.ones(walk.shape[0])
    total = term.copy()
    for _ in range(max_iter):
        term = walk @ term
        total += term
        bound = float(term.max()) * (1 - restart) / restart
        if bound <= tol:
            return total
    raise ConvergenceError(f'after max_iter={max_iter} steps the error may still be {bound:.1e}: '
                           'raise max_iter or tol')


def _eliminate(walk: sparse.csr_matrix, ones: np.ndarray, keep_rows: np.ndarray
               ) -> Tuple[sparse.csr_matrix, np.ndarray, np.ndarray]:
    """Take out nodes whose removal adds no edges; the solution at the others stays the same.

    A node with a ways in and b ways out is replaced by a * b direct ways (a Schur complement).
    With a = 1 or b = 1, or a = b = 2, that is no more than before. Each round takes an independent
    set of such nodes.
    """
    keep = np.zeros(walk.shape[0], dtype=bool)
    keep[keep_rows] = True
    for round_number in range(30):
        taken = _independent_cheap_nodes(walk, keep, round_number)
        if taken.sum() <= 0.01 * len(taken):
            break
        stay = ~taken
        rows = walk[stay]
        inward = rows[:, taken] @ sparse.diags(1 / (1 - walk.diagonal()[taken]))
        outward = walk[taken]
        ones = ones[stay] + inward @ ones[taken]
        walk = (rows[:, stay] + inward @ outward[:, stay]).tocsr()
        keep = keep[stay]
    return walk, ones, np.flatnonzero(keep)


def _independent_cheap_nodes(walk: sparse.csr_matrix, keep: np.ndarray, seed: int) -> np.ndarray:
    """Mask of nodes to eliminate together: cheap, and no two of them neighbours."""
    size = walk.shape[0]
    own = (walk.diagonal() != 0).astype(np.int64)
    ways_out = np.diff(walk.indptr) - own
    ways_in = np.bincount(walk.indices, minlength=size) - own
    cost = ways_in * ways_out - ways_in - ways_out
    cheap = (cost <= 0) & ~keep
    start = np.repeat(np.arange(size, dtype=walk.indices.dtype), np.diff(walk.indptr))
    both = cheap[start] & cheap[walk.indices] & (start != walk.indices)
    start, end = start[both], walk.indices[both]
    rank = np.random.default_rng(seed).permutation(size)
    rank[np.argsort(cost + rank / size, kind='stable')] = np.arange(size)
    first_loses = rank[start] > rank[end]
    cheap[start[first_loses]] = False
    cheap[end[~first_loses]] = False
    return cheap


def _solve_backwards(walk: sparse.csr_matrix, ones: np.ndarray, class_rows: np.ndarray,
                     tol: float, max_iter: int) -> np.ndarray:
    """Y of (I - W) Y = [e_c for each class, ones], shape (M, C + 1)."""
    sides = np.zeros((walk.shape[0], len(class_rows) + 1))
    sides[class_rows, np.arange(len(class_rows))] = 1
    sides[:, -1] = ones
    if walk.shape[0] <= _DENSE_BELOW:
        return np.linalg.solve(np.eye(walk.shape[0]) - walk.toarray(), sides)
    reach = 1 / (1 - float(np.asarray(walk.sum(axis=1)).max()))  # bound of (I - W)^-1
    rough = _RoughSolver(walk)
    solution, residual = np.zeros_like(sides), sides
    steps = 0
    while True:
        # sum(x) >= 1, so an error of Y is at most as large in the quotient.
        bound = reach * _largest_row(residual)
        if bound <= tol:
            return solution
        if steps >= max_iter:
            raise ConvergenceError(
                f'after max_iter={max_iter} steps the error may still be {bound:.1e}, above '
                f'tol={tol:.1e}: raise max_iter or tol')
        steps += rough.improve(solution, residual, 0.5 * tol / reach, max_iter - steps)
        residual = sides - solution
        residual += walk @ solution


def _largest_row(residual: np.ndarray) -> float:
    """Largest L1 norm of a row, taken in slices so that no second block is needed."""
    return max(float(np.abs(residual[first:first + _ROWS]).sum(axis=1).max())
               for first in range(0, len(residual), _ROWS))


class _RoughSolver:
    """Adds up W^k residual in single precision, which halves the memory traffic.

    The caller takes the residual anew in double precision after each call, so that nothing is
    lost in the end.
    """

    def __init__(self, walk: sparse.csr_matrix) -> None:
        self.walk = walk.astype(np.float32)
        self.correction = _SlowestMode(walk)

    def improve(self, solution: np.ndarray, residual: np.ndarray, goal: float, steps: int) -> int:
        """Change ``solution`` in place; returns the number of steps made.

        Ends where the residual's largest row is below ``goal``, or has shrunk as far as single
        precision can tell.
        """
        rest = residual.astype(np.float32)
        added = np.zeros_like(rest)
        goal = max(goal, 1e-6 * _largest_row(rest))
        for number in range(steps):
            if number % _CORRECT_EVERY == 0:
                self.correction.apply(added, rest)
                if _largest_row(rest) <= goal:
                    break
            added += rest
            rest = self.walk @ rest
        solution += added
        return max(number, 1)


class _SlowestMode:
    """Removes from a residual what decays slowest, with W's leading left and right eigenvectors.

    They need not be exact: the correction changes solution and residual consistently.
    """

    def __init__(self, walk: sparse.csr_matrix, steps: int = 30) -> None:
        self.right = _leading_vector(walk, steps)
        left = _leading_vector(walk.T.tocsr(), steps)
        self.image: Optional[np.ndarray] = None
        if self.right is None or left is None:
            return
        image = self.right - walk @ self.right
        gain = float(left @ image)
        if gain > 1e-8 * np.linalg.norm(left) * np.linalg.norm(image):
            self.image, self.left = image.astype(np.float32), (left / gain).astype(np.float32)
            self.right = self.right.astype(np.float32)

    def apply(self, solution: np.ndarray, residual: np.ndarray) -> None:
        """Correct both in place."""
        if self.image is None:
            return
        amount = (self.left @ residual).astype(residual.dtype)
        for first in range(0, len(residual), _ROWS):
            part = slice(first, first + _ROWS)
            solution[part] += np.outer(self.right[part], amount)
            residual[part] -= np.outer(self.image[part], amount)


def _leading_vector(matrix: sparse.csr_matrix, steps: int) -> Optional[np.ndarray]:
    """Power iteration; None if the matrix is nilpotent."""
    vector = np.ones(matrix.shape[0])
    for _ in range(steps):
        vector = matrix @ vector
        norm = np.linalg.norm(vector)
        if norm < 1e-200:
            return None
        vector /= norm
    return vector
