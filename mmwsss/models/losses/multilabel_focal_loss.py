"""Focal loss for images with several classes.

Source: grm.txt §3.3, Eq. 5, after Lin et al. 2017 (focal loss). The equation prints
s = exp(-log p_t), which is 1 / p_t and grows without bound; meant, and computed by the published
code, is s = exp(log p_t) = p_t.

Shape letters: B batch, C classes.
"""
import torch.nn.functional as F
from mmengine.registry import MODELS
from torch import Tensor, nn

REDUCTIONS = ('mean', 'sum', 'none')


def multilabel_focal_loss(logits: Tensor,
                          targets: Tensor,
                          gamma: float = 2.0,
                          detach: bool = True,
                          reduction: str = 'mean') -> Tensor:
    """(1 - p_t)^gamma * -log p_t for each image and class, p_t the probability of what is true.

    Exact at any logit: log p_t is never taken of a rounded probability.

    Args:
        logits (Tensor): (B, C), before the sigmoid.
        targets (Tensor): (B, C), 1 for a class in the image, 0 for one that is not; values
            between are taken as soft labels.
        gamma (float): >= 0; 0 is the binary cross-entropy.
        detach (bool): Whether the weight (1 - p_t)^gamma is a constant for the gradient, as in
            the published code. Defaults to True.
        reduction (str): ``'mean'`` over B x C (reference), ``'sum'`` or ``'none'``.

    Returns:
        Tensor: scalar, or (B, C) for ``'none'``; >= 0.

    Raises:
        ValueError: for different shapes, a negative gamma or an unknown reduction.
    """
    if logits.shape != targets.shape:
        raise ValueError(f'logits {tuple(logits.shape)} and targets {tuple(targets.shape)} must '
                         'have one shape: (images, classes)')
    _check_options(gamma, reduction)
    cross_entropy_bc = F.binary_cross_entropy_with_logits(
        logits, targets.to(logits), reduction='none')
    # 1 - p_t = 1 - exp(-ce), without cancellation for a small ce.
    miss_bc = -(-(cross_entropy_bc.detach() if detach else cross_entropy_bc)).expm1()
    loss_bc = _power(miss_bc, gamma) * cross_entropy_bc
    return loss_bc if reduction == 'none' else getattr(loss_bc, reduction)()


def _power(miss: Tensor, gamma: float) -> Tensor:
    """miss^gamma for miss >= 0, with gradient 0 instead of infinity at 0 for gamma < 1."""
    if gamma == 0:
        return miss.new_ones(())
    return miss.clamp(min=0 if gamma >= 1 else 1e-12).pow(gamma)


def _check_options(gamma: float, reduction: str) -> None:
    if gamma < 0:
        raise ValueError(f'gamma must be >= 0, got {gamma}')
    if reduction not in REDUCTIONS:
        raise ValueError(f'reduction={reduction!r} is unknown; use one of {REDUCTIONS}')


@MODELS.register_module()
class MultiLabelFocalLoss(nn.Module):
    """Eq. 5 of grm.txt with its sign slip mended; see :func:`multilabel_focal_loss`.

    Args:
        gamma (float): >= 0. Defaults to 2, the paper's choice.
        detach (bool): see the function. Defaults to True.
        reduction (str): see the function. Defaults to 'mean'.
        loss_weight (float): factor of the result. Defaults to 1.
    """

    def __init__(self,
                 gamma: float = 2.0,
                 detach: bool = True,
                 reduction: str = 'mean',
                 loss_weight: float = 1.0) -> None:
        super().__init__()
        _check_options(gamma, reduction)
        self.gamma = gamma
        self.detach = detach
        self.reduction = reduction
        self.loss_weight = loss_weight

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """(B, C), (B, C) -> scalar, or (B, C) without reduction."""
        return self.loss_weight * multilabel_focal_loss(
            logits, targets, gamma=self.gamma, detach=self.detach, reduction=self.reduction)

    def extra_repr(self) -> str:
        return (f'gamma={self.gamma}, detach={self.detach}, reduction={self.reduction!r}, '
                f'loss_weight={self.loss_weight}')
