"""Sizes, settings and normalisation of activation maps.

Shape letters: H, W image size, h, w map size, K classes.
"""
from typing import Sequence, Tuple

from torch import Tensor

CLASS_SOURCES = ('labels', 'predicted')


def activation_size(image_size: Sequence[int], stride: int) -> Tuple[int, int]:
    """(H, W) -> (ceil(H / stride), ceil(W / stride))."""
    return tuple(-(-length // stride) for length in image_size)


def normalize_maps(maps: Tensor, eps: float = 1e-5) -> Tensor:
    """Each map over its maximum: (K, h, w), values >= 0 -> values 0 to 1; K may be 0."""
    return maps / (maps.amax(dim=(1, 2), keepdim=True) + eps)


def check_cam_cfg(scales: Sequence[float] = (1.0, 0.5, 1.5, 2.0),
                  flip: bool = True,
                  stride: int = 4,
                  classes: str = 'labels') -> dict:
    """Settings of activation maps, complete and checked; see ``CAMClassifier.test_cam``.

    Raises:
        ValueError: no scale or one that is not > 0, a stride below 1, an unknown class source.
    """
    scales = tuple(scales)
    if not scales or min(scales) <= 0:
        raise ValueError('scales of activation maps must be one or more factors > 0, got '
                         f'{scales}')
    if stride < 1:
        raise ValueError(f'stride of activation maps must be at least 1, got {stride}')
    if classes not in CLASS_SOURCES:
        raise ValueError(f'classes={classes!r} is unknown; use one of {CLASS_SOURCES}')
    return dict(scales=scales, flip=bool(flip), stride=int(stride), classes=classes)
