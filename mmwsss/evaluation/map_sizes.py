"""Activation maps at the size of their image.

K: maps of an image, h, w: their size, H, W: size of the image.
"""
from collections.abc import Sequence

from torch import Tensor
from torch.nn.functional import interpolate

STRIDES = (2, 4, 8, 16)


def covered_size(map_size: Sequence[int], size: Sequence[int]) -> tuple[int, int] | None:
    """What maps of stride 1, 2, 4, 8 or 16 cover, as :meth:`ActivationStore.read` has it: a map of
    ceil(H / 4) rows reaches over the image's edge. None for maps of any other size."""
    if tuple(map_size) == tuple(size):
        return tuple(size)
    for stride in STRIDES:
        if all(-(-length // stride) == cells for length, cells in zip(size, map_size)):
            return tuple(cells * stride for cells in map_size)
    return None


def maps_at_size(maps: Tensor, size: Sequence[int]) -> Tensor:
    """Maps (K, h, w) of an image, enlarged bilinearly to (K, H, W); K may be 0.

    Raises:
        ValueError: they are maps of an image of another size.
    """
    height, width = size
    if len(maps) == 0:
        return maps.new_zeros(0, height, width)
    covered = covered_size(maps.shape[1:], size)
    if covered is None:
        raise ValueError(f'maps of {tuple(maps.shape[1:])} (H, W) are not those of an image of '
                         f'{(height, width)}, at stride 1, 2, 4, 8 or 16')
    if covered == tuple(maps.shape[1:]):
        return maps
    return interpolate(maps[None], size=covered, mode='bilinear')[0, :, :height, :width]
