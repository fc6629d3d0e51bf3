"""From activation maps to seeds: where is background, which pixels are sure.

Pure functions on tensors. C: maps (classes of the image, or of the data set), H, W: their size.
Activations are ≥ 0, normalised to at most 1 (:func:`normalize_activations`). Labels are uint8
class ids, 0 background, 255 ignored.
"""
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import interpolate

IGNORED = 255


def normalize_activations(activations: Tensor, eps: float = 1e-5) -> Tensor:
    """Each class's map over its own maximum: (C, H, W), ReLU first; values in [0, 1)."""
    maps_chw = _checked_maps(activations).clamp(min=0)
    return maps_chw / (maps_chw.amax(dim=(1, 2), keepdim=True) + eps)


def restrict_classes(activations: Tensor, present: Sequence[int]) -> tuple[Tensor, list[int]]:
    """Keep the maps of an image's classes.

    Args:
        activations: (C, H, W), a map for each foreground class of the data set.
        present: foreground classes of the image, 0 … C−1 (without background).

    Returns:
        (K, H, W) and their K label ids (class + 1), in ascending order.

    Raises:
        ValueError: a class that has no map.
    """
    maps_chw = _checked_maps(activations)
    classes = sorted({int(label) for label in present})
    if classes and not 0 <= classes[0] <= classes[-1] < len(maps_chw):
        raise ValueError(f'image classes {classes} must lie in 0…{len(maps_chw) - 1}, the '
                         'foreground classes with a map')
    return maps_chw[classes], [label + 1 for label in classes]


def threshold_background(activations: Tensor, threshold: float) -> Tensor:
    """Put a constant background map before the others: (C, H, W) → (C + 1, H, W)."""
    if not 0 <= threshold <= 1:
        raise ValueError(f'background threshold must lie in [0, 1], got {threshold}')
    maps_chw = _checked_maps(activations)
    return torch.cat([maps_chw.new_full((1, *maps_chw.shape[1:]), threshold), maps_chw])


def power_background(activations: Tensor, power: float) -> Tensor:
    """Put (1 − largest activation)^power before the others (Ahn & Kwak, "Learning Pixel-level
    Semantic Affinity", CVPR 2018, Eq. 2): (C, H, W) → (C + 1, H, W). A larger power gives more
    foreground."""
    if power <= 0:
        raise ValueError(f'background power must be positive, got {power}')
    maps_chw = _checked_maps(activations)
    if len(maps_chw) == 0:
        return maps_chw.new_ones(1, *maps_chw.shape[1:])
    background = (1 - maps_chw.amax(dim=0, keepdim=True).clamp(max=1)) ** power
    return torch.cat([background, maps_chw])


def remaining_background(probabilities: Tensor) -> Tensor:
    """Put what the maps leave of 1 before them: (C, H, W) probabilities → (C + 1, H, W)."""
    maps_chw = _checked_maps(probabilities)
    return torch.cat([(1 - maps_chw.sum(dim=0, keepdim=True)).clamp(min=0), maps_chw])


def seed_labels(scores: Tensor, label_ids: Sequence[int]) -> Tensor:
    """Class id of the largest score.

    Args:
        scores: (C + 1, H, W), background first, as the functions above give.
        label_ids: C ids of the other maps, 1 … 254.

    Returns:
        (H, W) uint8. Equal scores go to the first map, that is to background.
    """
    scores_chw = _checked_maps(scores)
    ids = [0, *(int(label) for label in label_ids)]
    if len(ids) != len(scores_chw) or len(set(ids)) != len(ids) or not max(ids) < IGNORED:
        raise ValueError(f'{len(scores_chw)} score maps, background first, need as many different '
                         f'ids less one, 1…254; got {list(label_ids)}')
    return torch.tensor(ids, dtype=torch.uint8, device=scores.device)[scores_chw.argmax(dim=0)]


def confident_labels(activations: Tensor, label_ids: Sequence[int], foreground: float = 0.30,
                     background: float = 0.05,
                     refine: Callable[[Tensor], Tensor] | None = None) -> Tensor:
    """IRN's rule (``cam_to_ir_label``): sure foreground, sure background, and 255 between.

    Labels are made twice, with a high and a low background threshold. Foreground by the first is
    sure; background by both is sure; the rest is ignored.

    Args:
        activations: (C, H, W), the image's classes only. C = 0 gives all background.
        label_ids: C ids, 1 … 254.
        foreground: the high threshold; IRN 0.30, ReCAM 0.35.
        background: the low threshold; IRN 0.05, ReCAM 0.10.
        refine: applied to both label maps at once, (2, H, W) uint8 → same, so that work on the
            image is done once. In IRN a dense CRF::

                lambda labels: dense_crf(image, labels, 'irn', classes=[0, *label_ids])

    Returns:
        (H, W) uint8.
    """
    if not 0 <= background <= foreground <= 1:
        raise ValueError('thresholds need 0 ≤ background ≤ foreground ≤ 1, got background '
                         f'{background}, foreground {foreground}')
    both = torch.stack([seed_labels(threshold_background(activations, threshold), label_ids)
                        for threshold in (foreground, background)])
    sure, likely = both if refine is None else refine(both)
    ignored = (sure == 0) & (likely != 0)
    return torch.where(ignored, torch.full_like(sure, IGNORED), sure)


def walk_labels(walked: Tensor, label_ids: Sequence[int], size: tuple[int, int],
                background: float = 0.25, stride: int = 4) -> Tensor:
    """Labels from propagated activations, as in IRN's ``make_sem_seg_labels``.

    Enlarged ``stride`` times (bilinear, cut to ``size``), divided by the largest value of all
    classes, against a constant background score.

    Args:
        walked: (C, h, w) from :func:`mmwsss.labels.propagate`; C = 0 gives all background.
        label_ids: C ids, 1 … 254.
        size: (H, W) of the image.
        background: IRN 0.25; ReCAM 0.28 on VOC, 0.25 on COCO.
        stride: of the maps.

    Returns:
        (H, W) uint8.

    Raises:
        ValueError: maps too small for the size.
    """
    maps_chw, (h, w) = _checked_maps(walked), size
    if maps_chw.shape[1] * stride < h or maps_chw.shape[2] * stride < w:
        raise ValueError(f'maps of {tuple(maps_chw.shape[1:])} (H, W) enlarged {stride} times do '
                         f'not cover an image of {tuple(size)}')
    if len(maps_chw) == 0:
        return torch.zeros(h, w, dtype=torch.uint8, device=walked.device)
    large = interpolate(maps_chw[None], scale_factor=stride, mode='bilinear')[0, :, :h, :w]
    large = large / large.max().clamp(min=torch.finfo(large.dtype).tiny)
    return seed_labels(threshold_background(large, background), label_ids)


def _checked_maps(maps: Tensor) -> Tensor:
    if maps.ndim != 3 or not maps.is_floating_point():
        raise ValueError(f'maps must be floating (C, H, W), got {maps.dtype} {tuple(maps.shape)}')
    if not torch.isfinite(maps).all():
        raise ValueError('maps hold NaN or infinite values')
    return maps
