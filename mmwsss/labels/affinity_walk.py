"""IRN's random walk over pixel affinities, exact and sparse.

Source: Ahn, Cho, Kwak, "Weakly Supervised Learning of Instance Segmentation with Inter-pixel
Relations", CVPR 2019, §4.2 and Eq. 7 to 9. The published way builds the dense N×N matrix and
squares it; here only the affinities within the radius exist, and powers of the matrix are never
formed.

B: batch, C: classes, H, W: size of the maps, N: H·W pixels, D: directions (half of the
neighbours: one of each pair of opposite offsets), K: 2·D + 1 offsets.
"""
import math
import warnings

import numpy as np
import torch
from torch import Tensor


def walk_directions(radius: float) -> list[tuple[int, int]]:
    """Offsets (dy, dx) to the neighbours less than ``radius`` away, one of each opposite pair.

    Radius 5 has 34 of them.
    """
    reach = math.ceil(radius)
    return [(dy, dx) for dy in range(reach) for dx in range(-reach, reach + 1)
            if (dy > 0 or dx > 0) and dy * dy + dx * dx < radius * radius]


def path_pixels(dy: int, dx: int) -> list[tuple[int, int]]:
    """Pixels on the way from (0, 0) to (dy, dx): those of the bounding rectangle of the two that
    lie closer than one pixel to the straight line between them, ends included."""
    rows = range(min(dy, 0), max(dy, 0) + 1)
    columns = range(min(dx, 0), max(dx, 0) + 1)
    return [(y, x) for y in rows for x in columns
            if (y * dx - x * dy) ** 2 < dy * dy + dx * dx]


def path_affinity(edge: Tensor, dy: int, dx: int) -> Tensor:
    """1 − the largest edge value on the path from each pixel to the one (dy, dx) away.

    Args:
        edge: (B, H, W) in [0, 1].
        dy, dx: dy ≥ 0, both less than the size of the map.

    Returns:
        (B, H − dy, W − |dx|): the pixels whose neighbour lies inside the image, that is from row
        0 and column max(−dx, 0) on.
    """
    edge_bhw = edge
    high, wide, left = edge.shape[1] - dy, edge.shape[2] - abs(dx), max(-dx, 0)
    largest_bhw = None
    for y, x in path_pixels(dy, dx):
        values_bhw = edge_bhw[:, y:y + high, left + x:left + x + wide]
        largest_bhw = values_bhw if largest_bhw is None else torch.maximum(
            largest_bhw, values_bhw)
    return 1 - largest_bhw


def transition_matrix(edge: Tensor, radius: float = 5, beta: float = 10) -> Tensor:
    """One step of the walk as a sparse matrix, block-diagonal over the batch.

    Affinities to the power ``beta``, that of a pixel to itself 1, divided by the sums of their
    columns. A row vector of activations times the column-normalised matrix is, the affinities
    being symmetric, the returned row-normalised matrix times a column vector.

    Args:
        edge: (B, H, W) in [0, 1].

    Returns:
        sparse CSR (B·N, B·N), rows summing to 1, K entries a row; an entry for a neighbour
        outside the image is a 0 in the pixel's own column.
    """
    b, h, w = edge.shape
    directions = walk_directions(radius)
    k = 2 * len(directions) + 1
    own = torch.arange(b * h * w, device=edge.device, dtype=torch.int32).view(b, h, w)
    columns_bhwk = own[..., None].repeat(1, 1, 1, k)
    values_bhwk = edge.new_zeros(b, h, w, k)
    values_bhwk[..., -1] = 1
    for index, (dy, dx) in enumerate(directions):
        if dy >= h or abs(dx) >= w:
            continue
        weight_bhw = path_affinity(edge, dy, dx) ** beta
        left, right = max(-dx, 0), w - max(dx, 0)
        here = (slice(None), slice(0, h - dy), slice(left, right))
        there = (slice(None), slice(dy, h), slice(left + dx, right + dx))
        for slot, at, other in ((2 * index, here, there), (2 * index + 1, there, here)):
            values_bhwk[(*at, slot)] = weight_bhw
            columns_bhwk[(*at, slot)] = own[other]
    values_bhwk /= values_bhwk.sum(dim=-1, keepdim=True)
    row_starts = torch.arange(0, b * h * w * k + 1, k, device=edge.device, dtype=torch.int32)
    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', message='Sparse CSR tensor support is in beta')
        warnings.filterwarnings('ignore', message='Sparse invariant checks are implicitly')
        return torch.sparse_csr_tensor(row_starts, columns_bhwk.flatten(), values_bhwk.flatten(),
                                       size=(b * h * w, b * h * w), check_invariants=False)


def chebyshev_coefficients(steps: int, tolerance: float = 1e-9) -> np.ndarray:
    """Coefficients of t^steps in Chebyshev polynomials, without the negligible ones.

    t^s = Σ_k c_k T_k(t), c_k = 2^(1−s) · binomial(s, (s−k)/2) for k of the parity of s (half of
    that for k = 0). All c_k are ≥ 0 and sum to 1, and |T_k| ≤ 1 on the spectrum [−1, 1] of the
    walk, so that leaving out a tail of weight ``tolerance`` changes the result by no more than
    that (in the norm in which the walk is symmetric). The degree grows with √steps only: 96
    instead of 256 (Sachdeva & Vishnoi, "Faster Algorithms via Approximation Theory", 2014, §3).

    Returns:
        float64 (degree + 1,).
    """
    coefficients = np.zeros(steps + 1)
    for k in range(steps % 2, steps + 1, 2):
        chosen = (steps - k) // 2
        log = (math.lgamma(steps + 1) - math.lgamma(chosen + 1)
               - math.lgamma(steps - chosen + 1) - (steps - 1) * math.log(2))
        coefficients[k] = math.exp(log) * (0.5 if k == 0 else 1)
    tail = np.cumsum(coefficients[::-1])[::-1]
    return coefficients[:int((tail > tolerance).sum())]


def propagate(activations, edge, radius: float = 5, beta: float = 10, steps: int = 256,
              suppress_edges: bool = True):
    """Spread activations by IRN's random walk: ``steps`` steps from activations × (1 − edge).

    Two pixels less than ``radius`` apart are joined with affinity 1 − the largest ``edge`` on the
    path between them (:func:`path_pixels`), a pixel with itself 1; the affinities to the power
    ``beta``, columns normalised, are the step. Equal to multiplying by the dense matrix
    ``steps`` times to about 1e-8: the power is summed up in Chebyshev polynomials, whose terms
    below 1e-9 together are left out. Computed in float64, since rows that sum to 1 ± 6e-8 would
    make the activations drift by more than 1e-5 in 256 steps.

    Args:
        activations: (C, H, W) or (B, C, H, W), finite; a tensor on any device, or a NumPy array.
        edge: (H, W), (1, H, W), (B, H, W) or (B, 1, H, W), in [0, 1] (after the sigmoid).
        radius: > 0; 5 in IRN.
        beta: > 0; 10 in IRN.
        steps: ≥ 0; 256 in IRN (8 squarings).
        suppress_edges: start from activations × (1 − edge), as IRN; else from the activations
            themselves, for objects not much wider than their edges.

    Returns:
        Like ``activations``: same shape and device; float32 (float64 if given that).

    Raises:
        ValueError: sizes differ, NaNs, ``edge`` outside [0, 1], bad parameters.
    """
    if radius <= 0 or beta <= 0 or steps < 0 or steps != int(steps):
        raise ValueError(f'propagate needs radius > 0, beta > 0 and whole steps ≥ 0, got '
                         f'{radius}, {beta}, {steps}')
    if isinstance(activations, np.ndarray):
        result = propagate(torch.from_numpy(np.ascontiguousarray(activations)),
                           torch.as_tensor(edge), radius, beta, steps, suppress_edges)
        return result.numpy()
    start_bchw, edge_bhw = _checked_maps(activations, edge)
    b, c, h, w = start_bchw.shape
    with torch.no_grad():
        if suppress_edges:
            start_bchw *= 1 - edge_bhw[:, None]
        columns = start_bchw.permute(0, 2, 3, 1).reshape(b * h * w, c)
        del start_bchw
        walked = _power(transition_matrix(edge_bhw, radius, beta), columns, int(steps))
        walked_bchw = walked.view(b, h, w, c).permute(0, 3, 1, 2)
        return walked_bchw.reshape(activations.shape).to(
            torch.float64 if activations.dtype == torch.float64 else torch.float32)


def _checked_maps(activations: Tensor, edge: Tensor) -> tuple[Tensor, Tensor]:
    """(B, C, H, W), a copy, and (B, H, W) in float64, or a ValueError."""
    if activations.ndim not in (3, 4):
        raise ValueError('activations must be (C, H, W) or (B, C, H, W), got '
                         f'{tuple(activations.shape)}')
    maps_bchw = activations if activations.ndim == 4 else activations[None]
    b, _, h, w = maps_bchw.shape
    if edge.numel() != b * h * w or edge.shape[-2:] != (h, w):
        raise ValueError(f'edge {tuple(edge.shape)} does not fit activations '
                         f'{tuple(activations.shape)}: one (H, W) map for each image')
    maps_bchw = maps_bchw.to(torch.float64, copy=True)
    edge_bhw = edge.reshape(b, h, w).to(maps_bchw)
    if not torch.isfinite(maps_bchw).all():
        raise ValueError('activations hold NaN or infinite values')
    if not ((edge_bhw >= 0) & (edge_bhw <= 1)).all():
        raise ValueError(f'edge must lie in [0, 1] (apply the sigmoid first), got '
                         f'{float(edge_bhw.min()):.3g} to {float(edge_bhw.max()):.3g}')
    return maps_bchw, edge_bhw


def _power(matrix: Tensor, columns: Tensor, steps: int) -> Tensor:
    """``matrix`` to the power ``steps`` times ``columns`` by the Chebyshev recurrence
    T_k+1 = 2·matrix·T_k − T_k−1, or step by step where that takes fewer products."""
    multiply = _multiplier(matrix)
    coefficients = chebyshev_coefficients(steps)
    if len(coefficients) > steps:
        for _ in range(steps):
            columns = multiply(columns)
        return columns
    before, now = columns, multiply(columns)
    total = coefficients[0] * before + coefficients[1] * now
    for coefficient in coefficients[2:]:
        before, now = now, multiply(now).mul_(2).sub_(before)
        if coefficient:  # every second one is zero
            total.add_(now, alpha=float(coefficient))
    return total


def _multiplier(matrix: Tensor):
    """The product with ``matrix``: torch's own where it has one (GPU, or MKL), else SciPy's."""
    if matrix.device.type != 'cpu' or torch.backends.mkl.is_available():
        return lambda columns: matrix @ columns
    from scipy.sparse import csr_matrix
    shared = csr_matrix((matrix.values().numpy(), matrix.col_indices().numpy(),
                         matrix.crow_indices().numpy()), shape=tuple(matrix.shape))
    return lambda columns: torch.from_numpy(shared @ columns.numpy())
