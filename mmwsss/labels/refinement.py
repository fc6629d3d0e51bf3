"""What refiners along an image share: which classes are carried, and labels as probabilities.

B: maps of one image, H, W: its size, C: classes, K: classes carried.
"""
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

UNKNOWN = 255
Refine = Callable[[Tensor], Tensor]


def checked_image(image, unary: Tensor) -> Tensor:
    """(H, W, 3) uint8 on the device of ``unary`` (…, H, W), or a ValueError."""
    image = torch.as_tensor(image)
    if image.dtype != torch.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f'image must be uint8 (H, W, 3), got {image.dtype} {tuple(image.shape)}')
    if image.shape[:2] != unary.shape[-2:]:
        raise ValueError(f'image is {tuple(image.shape[:2])} (H, W) but what to refine is '
                         f'{tuple(unary.shape[-2:])}; resize one to the other first')
    return image.to(unary.device)


def refine_probabilities(probabilities: Tensor, min_probability: float, refine: Refine) -> Tensor:
    """Refine the classes that matter; the others get probability 0.

    Args:
        probabilities: (C, H, W) floating, ≥ 0.
        min_probability: a class that reaches this nowhere and is nowhere the most probable is
            left out; 0 carries all.
        refine: (1, K, H, W) float32 probabilities → same.

    Returns:
        (C, H, W) float32.

    Raises:
        ValueError: NaN, infinite or negative values, or another shape.
    """
    if not (probabilities.ndim == 3 and (probabilities >= 0).all()
            and torch.isfinite(probabilities).all()):
        raise ValueError('class probabilities must be (C, H, W), finite and ≥ 0, got '
                         f'{tuple(probabilities.shape)}; apply the softmax to logits first')
    carried = probabilities.flatten(1).amax(dim=1) >= min_probability
    carried[probabilities.argmax(dim=0).unique()] = True
    refined = torch.zeros_like(probabilities, dtype=torch.float32)
    refined[carried] = refine(probabilities[carried].float()[None])[0]
    return refined


def refine_labels(labels: Tensor, classes: Sequence[int] | None, label_probability: float,
                  refine: Refine) -> Tensor:
    """Refine label maps of one image, 255 being unknown: each class carried is as probable as
    the others.

    Args:
        labels: (H, W) or (B, H, W) integer.
        classes: those that may appear; None: those that do, in any of the maps.
        label_probability: of the label at its pixel, above 1 / K.
        refine: (B, K, H, W) float32 probabilities → same; called once for all maps.

    Returns:
        As ``labels``, uint8.

    Raises:
        ValueError: labels outside ``classes``, or a bad probability or shape.
    """
    if labels.ndim not in (2, 3):
        raise ValueError('a label map must be (H, W), several (B, H, W), got '
                         f'{tuple(labels.shape)}')
    labels = labels.long()
    present = [int(label) for label in labels.unique() if label != UNKNOWN]
    carried = sorted({int(label) for label in (present if classes is None else classes)})
    if not set(present) <= set(carried) or not all(0 <= label < UNKNOWN for label in carried):
        raise ValueError(f'labels {present} must lie in the classes carried ({carried}), '
                         f'which are 0…{UNKNOWN - 1}')
    if not carried:
        return labels.to(torch.uint8)
    if len(carried) == 1:
        return torch.full_like(labels, carried[0], dtype=torch.uint8)
    if not 1 / len(carried) < label_probability <= 1:
        raise ValueError(f'label_probability must lie between 1/{len(carried)} (carried classes) '
                         f'and 1, got {label_probability}')
    carried = torch.tensor(carried, device=labels.device)
    labels_b1hw = labels.reshape(-1, 1, *labels.shape[-2:])
    probabilities = torch.where(labels_b1hw == carried[:, None, None], label_probability,
                                (1 - label_probability) / (len(carried) - 1))
    probabilities = probabilities.masked_fill(labels_b1hw == UNKNOWN, 1 / len(carried))
    return carried[refine(probabilities).argmax(dim=1)].to(torch.uint8).view(labels.shape)
