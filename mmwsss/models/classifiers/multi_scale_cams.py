"""Sizes, settings and normalisation of activation maps.

Shape letters: H, W image size, h, w map size, K classes.
"""
import math
from typing import List, Optional, Sequence, Tuple

import torch.nn.functional as F
from torch import Tensor

LARGEST_STRIDE = 16
CLASS_SOURCES = ('labels', 'predicted')


def activation_size(image_size: Sequence[int], stride: int) -> Tuple[int, int]:
    """(H, W) -> (ceil(H / stride), ceil(W / stride))."""
    return tuple(-(-length // stride) for length in image_size)


def covered_size(image_size: Sequence[int], input_size: Sequence[int], map_size: Sequence[int],
                 stride: int) -> Tuple[int, int]:
    """Size, at ``stride``, of the area of the image that a feature map covers.

    At output stride 16 a feature map usually has ceil(H / 16) rows, so it reaches beyond an image
    whose height is no multiple of 16. Maps are resized to this area and then cut to
    :func:`activation_size`, which keeps them aligned with the image (the published code does so
    for its full-size maps). A network that rounds down covers less than the image.

    Args:
        image_size (sequence of int): (H, W) of the image.
        input_size (sequence of int): of the scaled image that the network saw.
        map_size (sequence of int): of the feature map it gave.
        stride (int): of the activation maps.
    """
    cell = output_stride(input_size, map_size)
    return tuple(
        -(-length // cell) * cell // stride if cells * cell >= seen else
        max(1, round(cells * cell * length / seen / stride))
        for length, seen, cells in zip(image_size, input_size, map_size))


def output_stride(input_size: Sequence[int], map_size: Sequence[int]) -> int:
    """Pixels of the input a cell of a feature map: a power of 2."""
    for stride in (2**power for power in range(8)):
        if all(-(-seen // stride) == cells for seen, cells in zip(input_size, map_size)):
            return stride
    # The network rounds down somewhere.
    ratio = max(seen / cells for seen, cells in zip(input_size, map_size))
    return 2**round(math.log2(ratio))


def resize_and_cut(maps: Tensor, covered: Sequence[int], size: Sequence[int]) -> Tensor:
    """Maps (B, C, ., .) -> over ``covered`` -> the first ``size``; gaps get the nearest value.
    C may be 0."""
    if maps.shape[1] == 0:
        return maps.new_zeros(*maps.shape[:2], *size)
    maps = F.interpolate(maps, covered, mode='bilinear')[..., :size[0], :size[1]]
    lacking = [want - have for want, have in zip(size, maps.shape[-2:])]
    return F.pad(maps, (0, lacking[1], 0, lacking[0]), mode='replicate') if any(lacking) else maps


def sum_over_scales(maps: Sequence[Tensor], scales: Sequence[float], image_size: Sequence[int],
                    stride: int) -> Tensor:
    """Maps (B, K, ., .) of an image at several scales -> their sum (B, K, h, w) at ``stride``."""
    total = 0
    for scale, part in zip(scales, maps):
        covered = covered_size(
            image_size, scaled_size(image_size, scale), part.shape[-2:], stride)
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
