"""Sizes, settings and normalisation of activation maps.

Shape letters: H, W image size, h, w map size, K classes.
"""
from typing import Sequence, Tuple

from torch import Tensor

OUTPUT_STRIDE = 16
CLASS_SOURCES = ('labels', 'predicted')


def activation_size(image_size: Sequence[int], stride: int) -> Tuple[int, int]:
    """(H, W) -> (ceil(H / stride), ceil(W / stride))."""
    return tuple(-(-length // stride) for length in image_size)


def covered_size(image_size: Sequence[int], stride: int) -> Tuple[int, int]:
    """Size, at ``stride``, of the area that a feature map of output stride 16 covers.

    A feature map has ceil(H / 16) rows, so it reaches beyond an image whose height is no multiple
    of 16. Maps are resized to this area and then cut to :func:`activation_size`, which keeps them
    aligned with the image (the published code does so for its full-size maps).
    """
    return tuple(-(-length // OUTPUT_STRIDE) * OUTPUT_STRIDE // stride for length in image_size)


def normalize_maps(maps: Tensor, eps: float = 1e-5) -> Tensor:
    """Each map over its maximum: (K, h, w), values >= 0 -> values 0 to 1; K may be 0."""
    return maps / (maps.amax(dim=(1, 2), keepdim=True) + eps)


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
    if stride < 1 or OUTPUT_STRIDE % stride:
        raise ValueError(f'stride of activation maps must divide {OUTPUT_STRIDE}, got {stride}')
    if classes not in CLASS_SOURCES:
        raise ValueError(f'classes={classes!r} is unknown; use one of {CLASS_SOURCES}')
    return dict(scales=scales, flip=bool(flip), stride=int(stride), classes=classes)
