"""Soft-complementary loss: the class must be in the attention region and nowhere else.

Source: pgnn.txt, "Soft Complementary Loss", Eq. 5 to 10. As printed, Eq. 6 is
l1 log P(c | 1 - A) - l2 log P(c | A) + l3 TV(A) + l4 l_c, to be minimised.

Shape letters: B batch, C classes, H, W map size.
"""
import math
from typing import Dict, Optional, Sequence

import torch
import torch.nn.functional as F
from mmengine.registry import MODELS
from torch import Tensor, nn

PROBABILITIES = ('sigmoid', 'softmax')
REDUCTIONS = ('sum', 'mean')
ERASE_SIGNS = (1, -1)
# Value of a map below which a difference counts as none; keeps the square root smooth.
TV_EPS = 1e-3


def attention_region(maps: Tensor, threshold: float = 0.3) -> Tensor:
    """Eq. 5: values above the threshold, 0 elsewhere.

    Args:
        maps (Tensor): any shape, 0 to 1.
        threshold (float): not given in the paper.
    """
    return torch.where(maps > threshold, maps, torch.zeros_like(maps))


def total_variation(maps: Tensor, eps: float = TV_EPS) -> Tensor:
    """Eq. 9: the root of the summed squared differences of neighbours, one root a map.

    Smoothed as sqrt(s + eps^2) - eps, whose gradient at a flat map is 0 instead of undefined; it
    is below the root by at most eps.

    Args:
        maps (Tensor): (B, H, W).
        eps (float): > 0.

    Returns:
        Tensor: (B,) float32, >= 0.
    """
    maps = maps.float()
    squared = (maps.diff(dim=1).square().sum(dim=(1, 2))
               + maps.diff(dim=2).square().sum(dim=(1, 2)))
    return (squared + eps**2).sqrt() - eps


def log_probability(logits: Tensor, classes: Tensor, kind: str = 'sigmoid') -> Tensor:
    """log P(y = c) of one class an image, exact at any logit.

    Args:
        logits (Tensor): (B, C).
        classes (Tensor): (B,) int64.
        kind (str): ``'sigmoid'``: each class for itself; ``'softmax'``: classes compete.

    Returns:
        Tensor: (B,) float32, <= 0.
    """
    logits = logits.float()
    log_bc = F.logsigmoid(logits) if kind == 'sigmoid' else F.log_softmax(logits, dim=1)
    return log_bc.gather(1, classes[:, None])[:, 0]


def soft_complementary_loss(logits: Tensor,
                            targets: Tensor,
                            keep_logits: Optional[Tensor] = None,
                            erase_logits: Optional[Tensor] = None,
                            attention: Optional[Tensor] = None,
                            classes: Optional[Tensor] = None,
                            weights: Sequence[float] = (1., 1., 0.8, 1.),
                            reduction: str = 'sum',
                            erase_sign: int = 1,
                            min_probability: float = 0.05,
                            probability: str = 'sigmoid',
                            tv_eps: float = TV_EPS) -> Dict[str, Tensor]:
    """The four terms of Eq. 6, weighted; the loss is their sum.

    log P(c | 1 - A) has no lower bound, so P is kept from ``min_probability`` on: below it the
    term is constant. The others are bounded below by 0. All are computed in float32.

    Args:
        logits (Tensor): (B, C) of the images as they are.
        targets (Tensor): (B, C), 1 for classes in the image.
        keep_logits (Tensor, optional): (B, C) of the regions A (Eq. 8). None: no term.
        erase_logits (Tensor, optional): (B, C) of the rest, 1 - A (Eq. 7). None: no term.
        attention (Tensor, optional): (B, H, W), 0 to 1, whose total variation counts.
        classes (Tensor, optional): (B,) int64, the class c* of each image; images with -1 have
            no part in the first three terms, which are means over the others.
        weights (sequence of float): l1 to l4.
        reduction (str): of l_c over classes: ``'sum'`` or ``'mean'``; over images always the
            mean. The paper's weights fit ``'sum'``; with ``'mean'`` the same balance needs
            the first three divided by C.
        erase_sign (int): 1 as printed: the rest must not show the class. -1: it should
            (adversarial erasing, as the text explains it); the log is then bounded above by 0
            and no floor is needed.
        min_probability (float): in (0, 1).
        probability (str): see :func:`log_probability`.
        tv_eps (float): see :func:`total_variation`.

    Returns:
        dict[str, Tensor]: ``erase``, ``keep``, ``tv``, ``cls``: float32 scalars; 0 for what is
        None, or where no image has a class.

    Raises:
        ValueError: for options out of range, shapes that do not fit, or terms without classes.
    """
    check_options(weights, reduction, erase_sign, min_probability, probability, tv_eps)
    _check_shapes(logits, targets, keep_logits, erase_logits, attention, classes)
    reduced = F.binary_cross_entropy_with_logits(
        logits.float(), targets.float(), reduction='none')
    terms = dict(cls=weights[3] * getattr(reduced, reduction)(dim=1).mean())
    nothing = logits.float().sum() * 0
    present = None if classes is None else classes >= 0
    if classes is not None:
        classes = classes.clamp(min=0)
    terms.update(erase=nothing, keep=nothing, tv=nothing)
    if erase_logits is not None:
        log = log_probability(_of_known(erase_logits, present), classes, probability)
        if erase_sign > 0:
            log = log.clamp(min=math.log(min_probability))
        terms['erase'] = erase_sign * weights[0] * _mean_of(log, present)
    if keep_logits is not None:
        log = log_probability(_of_known(keep_logits, present), classes, probability)
        terms['keep'] = -weights[1] * _mean_of(log, present)
    if attention is not None:
        variation = total_variation(_of_known(attention, present), tv_eps)
        terms['tv'] = weights[2] * _mean_of(variation, present)
    return terms


def _of_known(values: Tensor, present: Tensor) -> Tensor:
    """0 for images without a class, which may hold anything: a NaN masked only after a function
    of it would still be in the gradient."""
    return torch.where(present.view(-1, *[1] * (values.ndim - 1)), values, 0.)


def _mean_of(values: Tensor, present: Tensor) -> Tensor:
    """Mean over the images that have a class; 0 if none has."""
    return torch.where(present, values, 0.).sum() / present.sum().clamp(min=1)


def check_options(weights: Sequence[float] = (1., 1., 0.8, 1.), reduction: str = 'sum',
                  erase_sign: int = 1, min_probability: float = 0.05,
                  probability: str = 'sigmoid', tv_eps: float = TV_EPS) -> None:
    """Raise ``ValueError`` for options that :func:`soft_complementary_loss` does not know."""
    if len(weights) != 4 or min(weights) < 0:
        raise ValueError(f'weights must be four numbers >= 0 (l1 to l4), got {tuple(weights)}')
    for name, value, known in (('reduction', reduction, REDUCTIONS),
                               ('probability', probability, PROBABILITIES),
                               ('erase_sign', erase_sign, ERASE_SIGNS)):
        if value not in known:
            raise ValueError(f'{name}={value!r} is unknown; use one of {known}')
    if not 0 < min_probability < 1 or not tv_eps > 0:
        raise ValueError('min_probability must lie in (0, 1) and tv_eps be > 0, got '
                         f'{min_probability} and {tv_eps}')


def _check_shapes(logits: Tensor, targets: Tensor, keep_logits: Optional[Tensor],
                  erase_logits: Optional[Tensor], attention: Optional[Tensor],
                  classes: Optional[Tensor]) -> None:
    for name, tensor in (('targets', targets), ('keep_logits', keep_logits),
                         ('erase_logits', erase_logits)):
        if tensor is not None and tensor.shape != logits.shape:
            raise ValueError(f'{name} {tuple(tensor.shape)} must have the shape of logits '
                             f'{tuple(logits.shape)}')
    if attention is not None and (attention.ndim != 3 or len(attention) != len(logits)):
        raise ValueError(f'attention must be ({len(logits)}, H, W), got {tuple(attention.shape)}')
    if classes is None:
        if any(term is not None for term in (keep_logits, erase_logits, attention)):
            raise ValueError('the first three terms are about one class an image: give classes')
    elif classes.shape != logits.shape[:1] or int(classes.max()) >= logits.shape[1]:
        raise ValueError(f'classes must be ({len(logits)},) indices below {logits.shape[1]}')


@MODELS.register_module()
class SoftComplementaryLoss(nn.Module):
    """Eq. 6 of pgnn.txt; see :func:`soft_complementary_loss`.

    Args:
        weights, reduction, erase_sign, min_probability, probability, tv_eps: see there.
        scale (float): factor of the first three weights. With SGD, whose steps grow with the
            loss, ``reduction='mean', scale=1 / C`` has the balance of ``'sum'`` at 1 / C of its
            size. Defaults to 1.
    """

    def __init__(self,
                 weights: Sequence[float] = (1., 1., 0.8, 1.),
                 reduction: str = 'sum',
                 erase_sign: int = 1,
                 min_probability: float = 0.05,
                 probability: str = 'sigmoid',
                 tv_eps: float = TV_EPS,
                 scale: float = 1.) -> None:
        super().__init__()
        check_options(weights, reduction, erase_sign, min_probability, probability, tv_eps)
        if scale < 0:
            raise ValueError(f'scale must be >= 0, got {scale}')
        self.options = dict(
            weights=(*(scale * weight for weight in weights[:3]), weights[3]),
            reduction=reduction, erase_sign=erase_sign, min_probability=min_probability,
            probability=probability, tv_eps=tv_eps)

    @property
    def needs_regions(self) -> bool:
        """Whether any of the first three terms counts."""
        return any(self.options['weights'][:3])

    def forward(self, logits: Tensor, targets: Tensor, **regions) -> Dict[str, Tensor]:
        """See :func:`soft_complementary_loss`."""
        return soft_complementary_loss(logits, targets, **regions, **self.options)

    def extra_repr(self) -> str:
        return ', '.join(f'{name}={value!r}' for name, value in self.options.items())
