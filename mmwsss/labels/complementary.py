"""Mutual-complementary labels: a network's own foreground fills what the labels call background.

Source: Zhang, Chen, Ju et al. (P-GNN), Eq. 11. Labels are class ids, 0 background.
"""
from collections.abc import Sequence

import torch
from torch import Tensor

CONFLICTS = ('prediction', 'label', 'ignore')
IGNORED_PIXELS = ('fill', 'keep')


def complement_labels(labels: Tensor, prediction: Tensor,
                      image_classes: Sequence[int] | None = None,
                      confidence: Tensor | None = None, min_confidence: float = 0.8,
                      ignore_index: int = 255, ignored: str = 'fill',
                      conflict: str = 'prediction') -> Tensor:
    """Eq. 11: where the prediction is background the label stays, elsewhere it is taken.

    With the defaults this is the equation to the letter. The options, each of which makes the
    prediction count in fewer places:

    Args:
        labels: (…, H, W) integers: class ids, ``ignore_index``.
        prediction: same shape, class ids. Where it is ``ignore_index`` it says nothing.
        image_classes: foreground ids that the image's labels allow; a prediction of another
            class says nothing. Default: all. (One image, or images of the same classes.)
        confidence: same shape, the prediction's probability; below ``min_confidence`` it says
            nothing. Default: every prediction counts.
        min_confidence: the floor, used with ``confidence`` only.
        ignore_index: value of pixels without a label.
        ignored: what a foreground prediction does at such a pixel: 'fill' (Eq. 11 read
            literally: take it) or 'keep'.
        conflict: what it does where the label is another foreground class: 'prediction' (Eq. 11:
            take it), 'label' (keep the label) or 'ignore' (ignore the pixel; the one option
            under which labelled foreground shrinks).

    Returns:
        New labels, same shape, type and device; the arguments are not changed. Foreground
        pixels stay foreground (but for ``conflict='ignore'``), and doing it twice with the same
        prediction changes nothing more (with ``conflict='ignore'``: if ``ignored='keep'``).

    Raises:
        ValueError: shapes differ, no integers, unknown options.
    """
    _check(labels, prediction, confidence, ignored, conflict)
    told = (prediction > 0) & (prediction != ignore_index)
    if image_classes is not None:
        told &= torch.isin(prediction, torch.as_tensor(
            list(image_classes), dtype=prediction.dtype, device=prediction.device))
    if confidence is not None:
        told &= confidence >= min_confidence
    unlabelled = labels == ignore_index
    if ignored == 'keep':
        told &= ~unlabelled
    result = torch.where(told, prediction.to(labels.dtype), labels)
    conflicting = told & (labels > 0) & ~unlabelled & (prediction != labels)
    if conflict == 'label':
        result = torch.where(conflicting, labels, result)
    elif conflict == 'ignore':
        result = torch.where(conflicting, torch.full_like(labels, ignore_index), result)
    return result


def _check(labels: Tensor, prediction: Tensor, confidence: Tensor | None, ignored: str,
           conflict: str) -> None:
    for name, tensor in (('labels', labels), ('prediction', prediction)):
        if tensor.is_floating_point() or tensor.dtype == torch.bool:
            raise ValueError(f'{name} must be integer class ids, got {tensor.dtype}')
    for name, tensor in (('prediction', prediction), ('confidence', confidence)):
        if tensor is not None and tensor.shape != labels.shape:
            raise ValueError(f'{name} {tuple(tensor.shape)} must have the shape of labels '
                             f'{tuple(labels.shape)}')
    if ignored not in IGNORED_PIXELS:
        raise ValueError(f'ignored must be one of {IGNORED_PIXELS}, got {ignored!r}')
    if conflict not in CONFLICTS:
        raise ValueError(f'conflict must be one of {CONFLICTS}, got {conflict!r}')
