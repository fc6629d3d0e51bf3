"""From one map a class to one score a class.

Shape letters: B batch, C classes, H, W map size, N = H * W.
"""
import math

from torch import Tensor

POOLINGS = ('gap', 'lse', 'topk')


def pool_class_maps(maps: Tensor,
                    kind: str = 'gap',
                    sharpness: float = 1.0,
                    fraction: float = 0.2) -> Tensor:
    """Pool class maps into class scores.

    ``'gap'`` on the maps of a 1x1 classifier is the classifier on globally averaged features,
    which is how CAM (Zhou et al. 2016) and grm.txt §3.3 write it: both are linear.

    Args:
        maps (Tensor): (B, C, H, W), before any non-linearity.
        kind (str):

            - ``'gap'``: mean over pixels (paper).
            - ``'lse'``: log of the mean of exp(r m), over r (Pinheiro & Collobert 2015): between
              the mean (small r) and the maximum (large r).
            - ``'topk'``: mean of the highest pixels; ``fraction=0`` is the maximum.

        sharpness (float): r of ``'lse'``, > 0.
        fraction (float): share of pixels that ``'topk'`` averages, in [0, 1]; at least one pixel.

    Returns:
        Tensor: (B, C).

    Raises:
        ValueError: for an unknown kind or a value out of range.
    """
    check_pooling(kind, sharpness, fraction)
    maps_bcn = maps.flatten(2)
    pixels = maps_bcn.shape[-1]
    if kind == 'gap':
        return maps_bcn.mean(dim=-1)
    if kind == 'lse':
        return ((sharpness * maps_bcn).logsumexp(dim=-1) - math.log(pixels)) / sharpness
    k = max(1, round(fraction * pixels))
    return maps_bcn.topk(k, dim=-1, sorted=False).values.mean(dim=-1)


def check_pooling(kind: str = 'gap', sharpness: float = 1.0, fraction: float = 0.2) -> None:
    """Raise ``ValueError`` for options that :func:`pool_class_maps` does not know."""
    if kind not in POOLINGS:
        raise ValueError(f'pooling {kind!r} is unknown; use one of {POOLINGS}')
    if not sharpness > 0:
        raise ValueError(f'sharpness of log-sum-exp pooling must be > 0, got {sharpness}')
    if not 0 <= fraction <= 1:
        raise ValueError(f'fraction of top-k pooling must lie in [0, 1], got {fraction}')
