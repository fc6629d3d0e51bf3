"""The class relation matrix as graph convolutions see it.

Source: grm.txt §3.1, Eq. 2. Shape letters: C classes (nodes).
"""
from typing import Callable, Dict

import torch
from torch import Tensor


def _symmetric(weights_cc: Tensor) -> Tensor:
    """D^-1/2 W D^-1/2 with D the row sums; rows without any weight stay zero."""
    inv_sqrt_c = weights_cc.sum(dim=1).clamp(min=torch.finfo(weights_cc.dtype).tiny).rsqrt()
    return inv_sqrt_c[:, None] * weights_cc * inv_sqrt_c[None, :]


def _off_diagonal(weights_cc: Tensor) -> Tensor:
    return weights_cc - torch.diag(weights_cc.diagonal())


def _divide_rows(weights_cc: Tensor, divisor_c: Tensor) -> Tensor:
    """Rows over their divisor; a row whose divisor is 0 (an isolated class) stays zero."""
    safe_c = torch.where(divisor_c > 0, divisor_c, torch.ones_like(divisor_c))
    return weights_cc / safe_c[:, None]


def _half_own_half_neighbours(neighbours_cc: Tensor) -> Tensor:
    """Row-stochastic mix of a node and its neighbours; an isolated class keeps itself."""
    mixed_cc = 0.5 * neighbours_cc
    return mixed_cc + torch.diag(1 - mixed_cc.sum(dim=1))


def _paper(relations_cc: Tensor) -> Tensor:
    return _symmetric(relations_cc + torch.eye(len(relations_cc)).to(relations_cc))


def _zero_diag(relations_cc: Tensor) -> Tensor:
    off_cc = _off_diagonal(relations_cc)
    return _half_own_half_neighbours(_divide_rows(off_cc, off_cc.sum(dim=1)))


def _row_max(relations_cc: Tensor) -> Tensor:
    off_cc = _off_diagonal(relations_cc)
    scaled_cc = _divide_rows(off_cc, off_cc.amax(dim=1))
    scaled_cc = torch.maximum(scaled_cc, scaled_cc.T)
    return _symmetric(scaled_cc + torch.eye(len(scaled_cc)).to(scaled_cc))


def _uniform(relations_cc: Tensor) -> Tensor:
    others_cc = _off_diagonal(torch.ones_like(relations_cc))
    return _half_own_half_neighbours(_divide_rows(others_cc, others_cc.sum(dim=1)))


def _identity(relations_cc: Tensor) -> Tensor:
    return torch.eye(len(relations_cc)).to(relations_cc)


ADJACENCY_MODES: Dict[str, Callable[[Tensor], Tensor]] = {
    'paper': _paper,
    'zero_diag': _zero_diag,
    'row_max': _row_max,
    'uniform': _uniform,
    'identity': _identity,
}


def normalize_adjacency(relations: Tensor, mode: str = 'paper') -> Tensor:
    """Turn class relations E into the matrix that a graph convolution multiplies with.

    Pure: the input is not changed.

    Args:
        relations (Tensor): E, shape (C, C), values >= 0, rows and columns in class order.
        mode (str):

            - ``'paper'``: Eq. 2, D^-1/2 (E + I) D^-1/2. On ConceptNet relations this is the
              identity within 0.6 %: their off-diagonal values are at most 0.0024.
            - ``'zero_diag'``: half the node itself, half its neighbours in proportion to E
              without its diagonal; rows sum to 1.
            - ``'row_max'``: off-diagonal rows over their largest value, made symmetric by the
              larger of the two directions, then as in ``'paper'``.
            - ``'uniform'``: control; half the node, half all other classes alike.
            - ``'identity'``: control; no graph.

    Returns:
        Tensor: (C, C), dtype and device of ``relations``. A class without relations keeps only
        itself.

    Raises:
        ValueError: for an unknown mode, a matrix that is not square, a negative or non-finite
            value.
    """
    if mode not in ADJACENCY_MODES:
        raise ValueError(f'adjacency mode {mode!r} is unknown; use one of '
                         f'{sorted(ADJACENCY_MODES)}')
    if relations.ndim != 2 or relations.shape[0] != relations.shape[1]:
        raise ValueError(f'class relations must be a square matrix, got {tuple(relations.shape)}')
    if not bool(torch.isfinite(relations).all()) or bool((relations < 0).any()):
        raise ValueError('class relations must be finite and >= 0; build the graph again with '
                         'tools/build_class_graph.py')
    return ADJACENCY_MODES[mode](relations)


def coupling(adjacency: Tensor) -> float:
    """How much of a graph a matrix is: the mean share of a row that lies off its diagonal.

    0 is the identity (no node sees another), 1 a graph whose nodes see only others.

    Args:
        adjacency (Tensor): (C, C), values >= 0.

    Returns:
        float: in [0, 1]; rows that sum to 0 count as 0.
    """
    mass_c = adjacency.sum(dim=1)
    off_c = mass_c - adjacency.diagonal()
    return float(_divide_rows(off_c[:, None], mass_c).mean())
