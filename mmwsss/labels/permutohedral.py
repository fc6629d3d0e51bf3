"""Gaussian filtering in a feature space of few dimensions, on the permutohedral lattice.

Source: Adams, Baek, Davis, "Fast High-Dimensional Filtering Using the Permutohedral Lattice",
Eurographics 2010. Plain tensor operations; every channel of the values is filtered at once.

N: points, F: feature dimensions, V = F + 1: corners of a simplex (and lattice directions),
M: lattice points in use, C: channels.
"""
import math

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag


class PermutohedralLattice:
    """The lattice of one set of features: made once, then filters any number of values.

    :meth:`filter` approximates ``out_i = Σ_j exp(−|f_i − f_j|² / 2) · v_j`` up to a constant
    factor, which a normalised filter does not see.

    Args:
        features: (N, F) floating, already divided by the standard deviations.
    """

    def __init__(self, features: Tensor):
        scaled_vn = _elevate(features.float())
        origin_vn, rank_vn = _enclosing_simplex(scaled_vn)
        weights_vn = _barycentric(scaled_vn, origin_vn, rank_vn).float()
        codes_vn, deltas = _corner_codes(origin_vn, rank_vn)
        corners, n = codes_vn.shape
        # One sort gives the lattice points (the distinct codes), which of them each corner is,
        # and the order in which the points are summed up into them.
        sorted_codes, order = torch.sort(codes_vn.flatten())
        first = torch.ones_like(sorted_codes, dtype=torch.bool)
        first[1:] = sorted_codes[1:] != sorted_codes[:-1]
        index = torch.empty(len(order), dtype=torch.int32, device=order.device)
        index[order] = first.cumsum(0, dtype=torch.int32) - 1
        self._codes = sorted_codes[first]
        self._starts = first.nonzero()[:, 0].int()
        self._points = (order % n).int()
        self._point_weights = weights_vn.flatten()[order]
        self._corner_index = index.view(corners, n).T.contiguous()
        self._corner_weights = weights_vn.T.contiguous()
        self._neighbours = [self._find(delta) for delta in deltas]

    @property
    def num_points(self) -> int:
        """M."""
        return len(self._codes)

    def _find(self, delta: int) -> tuple[Tensor, Tensor]:
        """For each lattice point its two neighbours along one direction; M where there is none."""
        m = self.num_points
        wanted = self._codes + delta
        forward = torch.searchsorted(self._codes, wanted).clamp_(max=m - 1)
        found = self._codes[forward] == wanted
        backward = torch.full_like(forward, m)
        backward[forward[found]] = found.nonzero()[:, 0]
        return torch.where(found, forward, m).int(), backward.int()

    def filter(self, values: Tensor) -> Tensor:
        """Filter (N, C) float32 values; returns (N, C)."""
        m, c = self.num_points, values.shape[1]
        padded_mc = values.new_zeros(m + 1, c)  # the last row: neighbours that do not exist
        lattice_mc = padded_mc[:m]
        lattice_mc.copy_(embedding_bag(self._points, values, self._starts, mode='sum',
                                       per_sample_weights=self._point_weights))
        before_mc, after_mc = values.new_empty(2, m, c)
        for forward, backward in self._neighbours:
            torch.index_select(padded_mc, 0, forward, out=after_mc)
            torch.index_select(padded_mc, 0, backward, out=before_mc)
            lattice_mc.add_(after_mc.add_(before_mc), alpha=0.5)
        return embedding_bag(self._corner_index, lattice_mc, mode='sum',
                             per_sample_weights=self._corner_weights)


def _elevate(features: Tensor) -> Tensor:
    """(N, F) → (V, N): onto the plane Σ = 0, scaled so that splatting, one blur in each direction
    and slicing together have unit variance (§3.1 of the paper)."""
    f = features.shape[1]
    spread = (f + 1) * math.sqrt(2 / 3)
    scaled = [features[:, i] * (spread / math.sqrt((i + 1) * (i + 2))) for i in range(f)]
    tail = torch.zeros_like(scaled[0])
    rows = []
    for i in reversed(range(f)):
        rows.append(tail - (i + 1) * scaled[i])
        tail = tail + scaled[i]
    rows.append(tail)
    return torch.stack(rows[::-1])


def _enclosing_simplex(elevated_vn: Tensor) -> tuple[Tensor, Tensor]:
    """Its corner whose coordinates are all multiples of V, and the rank of each coordinate's
    distance from that corner (0: largest), both (V, N) integers."""
    v = len(elevated_vn)
    multiple_vn = torch.round(elevated_vn / v)
    rest_vn = elevated_vn - multiple_vn * v
    rank_vn = torch.zeros_like(multiple_vn, dtype=torch.int8)
    for i in range(v):
        for j in range(i + 1, v):
            smaller = rest_vn[i] < rest_vn[j]
            rank_vn[i] += smaller
            rank_vn[j] += ~smaller
    # Rounding may have left the plane; move the coordinates that were rounded the furthest.
    multiple_vn = multiple_vn.long()
    rank_vn = rank_vn + multiple_vn.sum(dim=0)
    below, above = rank_vn < 0, rank_vn >= v
    step_vn = below.long() - above.long()
    return (multiple_vn + step_vn) * v, rank_vn + step_vn * v


def _barycentric(elevated_vn: Tensor, origin_vn: Tensor, rank_vn: Tensor) -> Tensor:
    """(V, N) weights ≥ 0 of the simplex's corners, summing to 1."""
    v = len(elevated_vn)
    distance_vn = (elevated_vn - origin_vn) / v
    by_rank_vn = torch.empty_like(distance_vn).scatter_(0, rank_vn, distance_vn)
    descending = by_rank_vn.flip(0)  # smallest first
    weights_vn = torch.empty_like(descending)
    weights_vn[0] = 1 + descending[0] - descending[-1]
    weights_vn[1:] = descending[1:] - descending[:-1]
    return weights_vn


def _corner_codes(origin_vn: Tensor, rank_vn: Tensor) -> tuple[Tensor, list[int]]:
    """One integer a lattice point, and what to add to it for the neighbour in each direction.

    Corner r of a simplex lies r in every coordinate from corner 0, less V in the r coordinates
    of the highest ranks. The last coordinate follows from the others. The codes are numbers with
    the coordinates as digits, wide enough for every neighbour, so that steps are additions.
    """
    v, n = origin_vn.shape
    low = origin_vn[:-1].amin(dim=1) - 2 * v
    width = (origin_vn[:-1].amax(dim=1) + 2 * v - low + 1).tolist()
    if math.prod(width) >= 2 ** 62:
        raise ValueError(f'features span {width} lattice cells, too many to number; the standard '
                         'deviations are too small for this image')
    strides = [math.prod(width[:i]) for i in range(v - 1)] + [0]
    stride_v = torch.tensor(strides, device=origin_vn.device)
    everywhere = sum(strides)
    codes_vn = torch.empty_like(origin_vn)
    codes_vn[0] = ((origin_vn[:-1] - low[:, None]) * stride_v[:-1, None]).sum(dim=0)
    stride_by_rank = torch.empty_like(origin_vn).scatter_(
        0, rank_vn, stride_v[:, None].expand(v, n))
    for r in range(1, v):
        codes_vn[r] = codes_vn[r - 1] + everywhere - v * stride_by_rank[v - r]
    return codes_vn, [v * stride - everywhere for stride in strides]
