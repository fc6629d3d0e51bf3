"""Sizes, settings and normalisation of activation maps.

Shape letters: H, W image size, h, w map size, K classes.
"""
import math
from typing import List, Optional, Sequence, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor

LARGEST_STRIDE = 16
CLASS_SOURCES = ('labels', 'predicted')


def activation_size(image_size: Sequence[int], stride: int) -> Tuple[int, int]:
    """(H, W) -> (ceil(H / stride), ceil(W / stride))."""
    return tuple(-(-length // stride) for length in image_size)


def covered_size(image_size: Sequence[int], input_size: Sequence[int], map_size: Sequence[int],
                 stride: int, cell: Optional[int] = None) -> Tuple[float, float]:
    """Size, at ``stride``, of the area of the image that a feature map covers.

    At output stride 16 a feature map usually has ceil(H / 16) rows, so it reaches beyond an image
    whose height is no multiple of 16. Maps are resized to this area and then cut to
    :func:`activation_size`, which keeps them aligned with the image. A network that rounds down
    covers less than the image.

    Where a cell is a power of 2 the area is whole, as in the published code, which stretches
    the maps of scaled images by what their size lacks to a multiple of the cell. Of other cells
    it is exact and may be a fraction.

    Args:
        image_size (sequence of int): (H, W) of the image.
        input_size (sequence of int): of the scaled image that the network saw.
        map_size (sequence of int): of the feature map it gave.
        stride (int): of the activation maps.
        cell (int, optional): pixels of the input a cell. Default: :func:`output_stride`.

    Returns:
        tuple[float, float]: height and width, > 0.
    """
    cell = cell or output_stride(input_size, map_size)
    sizes = list(zip(image_size, input_size, map_size))
    if cell & (cell - 1):
        return tuple(cells * cell * length / seen / stride for length, seen, cells in sizes)
    return tuple(
        -(-length // cell) * cell // stride if cells * cell >= seen else
        max(1, round(cells * cell * length / seen / stride))
        for length, seen, cells in sizes)


def output_stride(input_size: Sequence[int], map_size: Sequence[int]) -> int:
    """Pixels of the input a cell of a feature map, found from sizes alone.

    Small maps leave a choice (2 cells of 20 pixels are 10 to 19 each if the network rounds up).
    A power of 2 comes first, then what can be halved most often (24 before 25), as sizes of
    patches are; more lengths, as those of an image at several scales, leave less of it.

    Args:
        input_size (sequence of int): lengths of inputs: (height, width) of one or, one after the
            other, of several.
        map_size (sequence of int): cells that the network made of each.

    Returns:
        int: what gives all cells, rounded up or all rounded down; where nothing does, as with
        borders that are cut off, the nearest power of 2.
    """
    lengths = list(zip(input_size, map_size))
    for stride in (2**power for power in range(8)):
        if all(-(-seen // stride) == cells for seen, cells in lengths):
            return stride
    # The network rounds down somewhere, or its cells are no power of 2.
    seen, cells = max(lengths)
    nearest = 2**round(math.log2(seen / cells))
    if all(have in (length // nearest, -(-length // nearest)) for length, have in lengths):
        return nearest
    fitting = [stride for stride in range(seen // (cells + 1), seen // max(1, cells - 1) + 1)
               if stride and _fits(stride, lengths)]
    return max(fitting, default=nearest,
               key=lambda stride: (stride & -stride, -abs(stride - seen / cells)))


def _fits(stride: int, lengths: Sequence[Tuple[int, int]]) -> bool:
    """Whether all lengths, over the stride, are their cells, rounded up or all rounded down."""
    return (all(-(-seen // stride) == cells for seen, cells in lengths)
            or all(seen // stride == cells for seen, cells in lengths))


def resize_and_cut(maps: Tensor, covered: Sequence[float], size: Sequence[int]) -> Tensor:
    """Maps (B, C, ., .) -> over ``covered`` -> the first ``size``; gaps get the nearest value.
    C may be 0."""
    if maps.shape[1] == 0:
        return maps.new_zeros(*maps.shape[:2], *size)
    whole = [int(length) for length in covered]
    if any(length != part for length, part in zip(covered, whole)):
        return _resample(maps, covered, size)
    maps = F.interpolate(maps, whole, mode='bilinear')[..., :size[0], :size[1]]
    lacking = [want - have for want, have in zip(size, maps.shape[-2:])]
    return F.pad(maps, (0, lacking[1], 0, lacking[0]), mode='replicate') if any(lacking) else maps


def _resample(maps: Tensor, covered: Sequence[float], size: Sequence[int]) -> Tensor:
    """:func:`resize_and_cut` for areas whose sides are fractions."""
    y, x = (((torch.arange(count, device=maps.device) + 0.5) * (2 / length) - 1).to(maps.dtype)
            for count, length in zip(size, covered))
    grid = torch.stack(torch.meshgrid(y, x, indexing='ij')[::-1], dim=-1)
    return F.grid_sample(maps, grid.expand(len(maps), -1, -1, -1), padding_mode='border',
                         align_corners=False)


def sum_over_scales(maps: Sequence[Tensor], scales: Sequence[float], image_size: Sequence[int],
                    stride: int) -> Tensor:
    """Maps (B, K, ., .) of an image at several scales -> their sum (B, K, h, w) at ``stride``."""
    inputs = [scaled_size(image_size, scale) for scale in scales]
    cells = [part.shape[-2:] for part in maps]
    cell = output_stride(sum(inputs, []), [count for pair in cells for count in pair])
    total = 0
    for part, seen, count in zip(maps, inputs, cells):
        covered = covered_size(image_size, seen, count, stride, cell)
        total = total + resize_and_cut(part, covered, activation_size(image_size, stride))
    return total


def scaled_size(image_size: Sequence[int], scale: float) -> List[int]:
    """Size of an image scaled by a factor."""
    return [max(1, round(scale * length)) for length in image_size]


def normalize_maps(maps: Tensor, full_size: Optional[Tensor] = None, eps: float = 1e-5) -> Tensor:
    """Each map over its maximum: (K, h, w), values >= 0 -> values 0 to 1; K may be 0.

    Args:
        maps (Tensor): (K, h, w).
        full_size (Tensor, optional): (K, H, W), the same maps at the size of the image, whose
            maximum counts: coarse maps miss the peak by about 1 %, each by another amount.
        eps (float): added to the maximum.
    """
    if not len(maps):
        return maps
    highest = (maps if full_size is None else full_size).amax(dim=(1, 2), keepdim=True)
    return (maps / (highest + eps)).clamp(max=1)


def check_cam_cfg(scales: Sequence[float] = (1.0, 0.5, 1.5, 2.0),
                  flip: bool = True,
                  stride: int = 4,
                  classes: str = 'labels') -> dict:
    """Settings of activation maps, complete and checked; see ``CAMClassifier.test_cam``.

    Raises:
        ValueError: no scale or one that is not > 0, a stride that does not divide 16, an unknown
            class source.
    """
    scales = tuple(scales)
    if not scales or min(scales) <= 0:
        raise ValueError('scales of activation maps must be one or more factors > 0, got '
                         f'{scales}')
    if stride < 1 or LARGEST_STRIDE % stride:
        raise ValueError(f'stride of activation maps must divide {LARGEST_STRIDE}, got {stride}')
    if classes not in CLASS_SOURCES:
        raise ValueError(f'classes={classes!r} is unknown; use one of {CLASS_SOURCES}')
    return dict(scales=scales, flip=bool(flip), stride=int(stride), classes=classes)
