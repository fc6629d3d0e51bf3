"""Filling outlines with textured colour, and backgrounds made of noise.

H, W: size of the canvas. Canvases are float32 (H, W, 3), RGB, 0 to 255.
"""
from typing import Sequence, Tuple

import cv2
import numpy as np

from .objects import Colour, Points

_SUBPIXEL = 4  # fractional bits of the coordinates given to OpenCV


def fill_mask(size: Tuple[int, int], contours: Sequence[Points]) -> np.ndarray:
    """Pixels inside the outlines (even-odd rule, so an inner outline is a hole).

    Args:
        size: (H, W).
        contours: (K, 2) each, x and y in pixels.

    Returns:
        bool (H, W).
    """
    mask = np.zeros(size, np.uint8)
    points = [np.round(contour * 2 ** _SUBPIXEL).astype(np.int32) for contour in contours]
    cv2.fillPoly(mask, points, 1, shift=_SUBPIXEL)
    return mask.astype(bool)


def smooth_noise(size: Tuple[int, int], cell: float, rng: np.random.Generator) -> np.ndarray:
    """Noise in [-1, 1] with features about ``cell`` pixels wide, (H, W) float32."""
    coarse = [max(2, int(np.ceil(extent / cell)) + 1) for extent in size]
    values = rng.uniform(-1, 1, size=coarse).astype(np.float32)
    return cv2.resize(values, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)


def pattern_gain(size: Tuple[int, int], pattern: str, period: float,
                 rng: np.random.Generator) -> np.ndarray:
    """Brightness factor (H, W, 1) of one of the patterns of :class:`~mmwsss.toy.objects.Part`.

    Args:
        size: (H, W).
        pattern: its name.
        period: width of a stripe and of the gap beside it, in pixels.
        rng: source of direction, phase and noise.

    Raises:
        ValueError: unknown pattern.
    """
    gain = 1 + 0.08 * smooth_noise(size, period, rng)
    y, x = np.mgrid[:size[0], :size[1]].astype(np.float32)
    if pattern == 'noise':
        gain = gain + 0.10 * smooth_noise(size, period / 3, rng)
    elif pattern == 'stripes':
        turn = rng.uniform(0, np.pi)
        wave = np.sin(2 * np.pi * (x * np.cos(turn) + y * np.sin(turn)) / period)
        gain = gain * np.where(wave > 0, 1.0, 0.62)
    elif pattern == 'checks':
        odd = (np.floor(x * 2 / period) + np.floor(y * 2 / period)) % 2
        gain = gain * np.where(odd > 0, 1.35, 0.6)
    elif pattern == 'spots':
        gain = gain * np.where(smooth_noise(size, period, rng) > 0.25, 0.6, 1.0)
    elif pattern != 'plain':
        raise ValueError(f'unknown pattern {pattern!r}')
    return gain[..., None].astype(np.float32)


def paint(canvas: np.ndarray, mask: np.ndarray, colour: Colour, pattern: str, period: float,
          rng: np.random.Generator) -> None:
    """Paint the pixels of ``mask`` on ``canvas`` in place, lighter at the top than at the bottom.

    Args:
        canvas: float32 (H, W, 3).
        mask: bool (H, W); may be empty.
        colour: RGB.
        pattern: see :func:`pattern_gain`.
        period: of the pattern, in pixels.
        rng: source of the texture.
    """
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return
    window = np.s_[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]
    inside = mask[window]
    gain = pattern_gain(inside.shape, pattern, max(period, 3.), rng)
    light = np.linspace(1.10, 0.88, inside.shape[0], dtype=np.float32)[:, None, None]
    canvas[window][inside] = (np.asarray(colour, np.float32) * gain * light)[inside]


def ground(size: Tuple[int, int], top: Colour, bottom: Colour, horizon: float,
           rng: np.random.Generator) -> np.ndarray:
    """Background of two textured areas that meet at ``horizon`` (a share of the height)."""
    canvas = np.empty((*size, 3), np.float32)
    edge = int(size[0] * horizon) + 0.04 * size[0] * smooth_noise(size, size[1] / 3, rng)
    above = np.arange(size[0])[:, None] < edge
    for area, colour, cell, strength in ((above, top, size[0] / 3, 0.10),
                                         (~above, bottom, size[0] / 16, 0.22)):
        gain = 1 + strength * smooth_noise(size, cell, rng)
        gain += strength / 2 * smooth_noise(size, max(cell / 5, 2), rng)
        canvas[area] = (np.asarray(colour, np.float32) * gain[..., None])[area]
    return canvas
