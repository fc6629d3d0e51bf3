"""Boxes around what activation maps show: proposals without a detector.

K: classes in an image; h, w: map size; H, W: image size.
"""
from collections.abc import Sequence

import numpy as np
import torch
from scipy import ndimage


def component_boxes(maps: torch.Tensor | np.ndarray, classes: Sequence[int],
                    image_size: Sequence[int], stride: int = 4,
                    thresholds: Sequence[float] = (0.3, 0.5, 0.7),
                    min_share: float = 0.005) -> list[dict]:
    """Boxes of the connected components of maps at several thresholds, best first.

    Args:
        maps: (K, h, w), 0 to 1.
        classes: their K class indices.
        image_size: (H, W); boxes are cut at its edges.
        stride: pixels of the image a value.
        thresholds: a pixel belongs to a component if its value is above.
        min_share: smaller components (share of the map's pixels) are left out.

    Returns:
        One dict a box: ``label`` (a class index), ``bbox`` [x, y, width, height] in pixels and
        ``score``, the mean of the map in the component. The same box of two thresholds comes once.
    """
    maps = np.asarray(maps, np.float32)
    found: dict[tuple, dict] = {}
    for map_hw, label in zip(maps, classes):
        for threshold in thresholds:
            components, count = ndimage.label(map_hw > threshold, structure=np.ones((3, 3)))
            for number, place in enumerate(ndimage.find_objects(components), 1):
                inside = components[place] == number
                if inside.sum() < min_share * map_hw.size:
                    continue
                box = _box(place, image_size, stride)
                score = float(map_hw[place][inside].mean())
                known = found.setdefault((label, *box), dict(label=int(label), bbox=box,
                                                             score=score))
                known['score'] = max(known['score'], score)
    return sorted(found.values(), key=lambda box: (-box['score'], box['label'], box['bbox']))


def _box(place: tuple[slice, slice], image_size: Sequence[int], stride: int) -> list[float]:
    top, left = (part.start * stride for part in place)
    bottom, right = (min(part.stop * stride, length) for part, length in zip(place, image_size))
    return [float(left), float(top), float(right - left), float(bottom - top)]
