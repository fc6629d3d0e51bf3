"""IRN's affinity loss over paths, with its gradient made direction by direction.

Source: Ahn, Cho, Kwak, "Weakly Supervised Learning of Instance Segmentation with Inter-pixel
Relations", CVPR 2019, §4.2, Eq. 3 to 6 (the terms of the affinity, without the displacement), and
the published code for how the terms are balanced.

B: batch, H, W: size of the edge map, P: pixels on a path, D: directions (152 for radius 10).
"""
import math
from typing import Dict, List, Tuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from mmwsss.labels.affinity_walk import path_pixels, walk_directions

IGNORED = 255
PAIRS = ('all', 'inner')
TERMS = ('background_positive', 'foreground_positive', 'negative')
_WEIGHTS = (0.25, 0.25, 0.5)  # (background / 2 + foreground / 2 + negative) / 2
_EPS = 1e-5

Window = Tuple[slice, slice, slice]


def affinity_loss(edge: Tensor, labels: Tensor, radius: float = 10,
                  pairs: str = 'all') -> Tuple[Tensor, Dict[str, Tensor]]:
    """How badly an edge map parts pixels of different labels and joins those of the same.

    The affinity of two pixels less than ``radius`` apart is a = 1 − the largest edge value on the
    path between them (:func:`mmwsss.labels.affinity_walk.path_pixels`, the rule of the walk).
    Pairs with an ignored pixel do not count. The terms are means over all pairs of the batch:

    - background positive: −log(a + 1e-5) of two background pixels;
    - foreground positive: −log(a + 1e-5) of two pixels of one other class;
    - negative: −log(1 − a + 1e-5) of two pixels of different classes.

    A term without pairs is 0. The loss is background / 4 + foreground / 4 + negative / 2.

    No path or pair is ever stored: the gradient is made in the forward pass, one direction after
    the other, so that the memory is that of some fifteen maps like ``edge``, whatever the radius
    (30 MB for 32 maps of 128 x 128).

    Args:
        edge: (B, H, W) in [0, 1], after the sigmoid; half precision is computed in float32.
        labels: (B, H, W) integers, 0 to 255: 0 background, 255 ignored, others are classes.
        radius: > 1; 10 in IRN.
        pairs: ``'all'``; or ``'inner'``, as in the published code: only from pixels whose every
            neighbour in the half circle lies inside the map, which leaves out borders of
            ceil(radius) − 1 pixels left, right and below.

    Returns:
        the loss, float32 (float64 if ``edge`` is); the three terms by name, without gradient.

    Raises:
        ValueError: shapes differ, ``labels`` are no integers, a radius without neighbours, unknown
            ``pairs``, or a map too small for inner pairs.
    """
    _check(edge, labels, radius, pairs)
    edge = edge if edge.dtype == torch.float64 else edge.float()
    margin = math.ceil(radius) - 1 if pairs == 'inner' else None
    loss, terms = _PathLoss.apply(edge, labels, radius, margin)
    return loss, dict(zip(TERMS, terms))


def _check(edge: Tensor, labels: Tensor, radius: float, pairs: str) -> None:
    if edge.ndim != 3 or edge.shape != labels.shape:
        raise ValueError('the affinity loss needs edge and labels of one shape (B, H, W), got '
                         f'{tuple(edge.shape)} and {tuple(labels.shape)}')
    if labels.is_floating_point():
        raise ValueError(f'labels must be integers, got {labels.dtype}')
    if pairs not in PAIRS:
        raise ValueError(f'pairs={pairs!r} is unknown; use one of {PAIRS}')
    if not radius > 1:
        raise ValueError(f'radius must be more than 1 for pixels to have neighbours, got {radius}')
    margin = math.ceil(radius) - 1
    if pairs == 'inner' and (edge.shape[1] <= margin or edge.shape[2] <= 2 * margin):
        raise ValueError(f'a map of {tuple(edge.shape[1:])} has no inner pairs at radius '
                         f"{radius}: use a larger crop, a smaller radius or pairs='all'")


def _windows(dy: int, dx: int, height: int, width: int, margin: int | None) -> List[Window]:
    """The pixels at each place of the path to (dy, dx), for all pairs at once: P slices of one
    shape (B, h, w), first those of the two ends; empty if no pair fits."""
    if margin is None:
        top, bottom, left, right = 0, height - dy, max(-dx, 0), width - max(dx, 0)
    else:
        top, bottom, left, right = 0, height - margin, margin, width - margin
    if bottom <= top or right <= left:
        return []
    ends = [(0, 0), (dy, dx)]
    path = ends + [pixel for pixel in path_pixels(dy, dx) if pixel not in ends]
    return [(slice(None), slice(top + y, bottom + y), slice(left + x, right + x))
            for y, x in path]


def _kinds(labels: Tensor, counted: Tensor, ends: List[Window]) -> Tuple[Tensor, Tensor, Tensor]:
    """Which pairs are background positive, foreground positive, negative: boolean (B, h, w)."""
    (here, there), counted = (labels[end] for end in ends), counted[ends[0]] & counted[ends[1]]
    same = (here == there) & counted
    background = same & (here == 0)
    return background, same ^ background, counted ^ same


class _PathLoss(torch.autograd.Function):
    """Loss and terms; keeps nothing but the gradient on the edge map."""

    @staticmethod
    def forward(ctx, edge: Tensor, labels: Tensor, radius: float, margin: int | None):
        directions = [_windows(dy, dx, *edge.shape[1:], margin)
                      for dy, dx in walk_directions(radius)]
        directions = [windows for windows in directions if windows]
        labels, counted = labels.to(torch.uint8), labels != IGNORED
        counts = sum((torch.stack([kind.sum() for kind in _kinds(labels, counted, windows[:2])])
                      for windows in directions), labels.new_zeros(3, dtype=torch.int64))
        scales = 1 / (counts.to(edge.dtype) + _EPS)
        terms = edge.new_zeros(3, dtype=torch.float64)
        gradient = torch.zeros_like(edge) if ctx.needs_input_grad[0] else None
        for windows in directions:
            kinds = [kind.to(edge.dtype) for kind in _kinds(labels, counted, windows[:2])]
            largest = _largest(edge, windows)
            joined, parted = 1 - largest + _EPS, largest + _EPS
            logs = joined.log()
            terms -= torch.stack([(kinds[0] * logs).sum(), (kinds[1] * logs).sum(),
                                  (kinds[2] * parted.log()).sum()])
            if gradient is not None:
                weights = [kind * (scale * weight)
                           for kind, scale, weight in zip(kinds, scales, _WEIGHTS)]
                slope = (weights[0] + weights[1]) / joined - weights[2] / parted
                _hand_to_largest(gradient, slope, edge, largest, windows)
        terms = (terms * scales).to(edge.dtype)
        ctx.save_for_backward(gradient)
        ctx.mark_non_differentiable(terms)
        return (terms * terms.new_tensor(_WEIGHTS)).sum(), terms

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_loss: Tensor, _):
        gradient, = ctx.saved_tensors
        return grad_loss * gradient, None, None, None


def _largest(edge: Tensor, windows: List[Window]) -> Tensor:
    """Largest edge value on each path."""
    largest = edge[windows[0]].clone()
    for window in windows[1:]:
        torch.maximum(largest, edge[window], out=largest)
    return largest


def _hand_to_largest(gradient: Tensor, slope: Tensor, edge: Tensor, largest: Tensor,
                     windows: List[Window]) -> None:
    """Add each pair's slope to the pixel of its path that is the largest; of equal ones to the
    first. In place on ``gradient`` and ``slope``; without scattering, so the same in every run."""
    share = torch.empty_like(slope)
    for window in windows:
        torch.eq(edge[window], largest, out=share).mul_(slope)
        gradient[window] += share
        slope -= share
