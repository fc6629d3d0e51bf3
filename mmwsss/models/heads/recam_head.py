"""ReCAM: class maps reactivated by a softmax cross-entropy on class-specific features.

Source: ReCAM (Chen et al. 2022), the baseline that grm.txt builds on.
Shape letters: B batch, D feature channels, H, W map size, N = H * W, C classes.
"""
from typing import Dict, Optional, Sequence, Union

import torch
import torch.nn.functional as F
from mmengine.registry import MODELS
from torch import Tensor, nn

from .cam_head import CAMHead, classification_loss

CAM_WEIGHTS = ('product', 'classifier', 'predictor')


def class_feature_logits(maps: Tensor, scores: Tensor, eps: float = 1e-5) -> Tensor:
    """Scores of each class's own feature under each class's predictor.

    The class feature is f_c = mean over pixels of cam_c * x, with cam_c = relu(maps_c) over its
    maximum, and its scores are P f_c. Since both are linear in x, P f_c is the mean over pixels
    of cam_c * (P x): a product of two (C, N) matrices an image. Neither the (B, C, D, N) tensor
    of the literal form nor the (B, C, D) class features are ever made.

    Args:
        maps (Tensor): (B, C, H, W), class maps before the ReLU.
        scores (Tensor): (B, C', H, W), class maps P x of the predictor.
        eps (float): added to the maximum.

    Returns:
        Tensor: (B, C, C'), row c: logits of class c's feature.
    """
    cam_bcn = maps.flatten(2).relu()
    cam_bcn = cam_bcn / (cam_bcn.amax(dim=-1, keepdim=True) + eps)
    scores_bcn = scores.flatten(2) / cam_bcn.shape[-1]
    return cam_bcn @ scores_bcn.transpose(1, 2)


def class_feature_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Softmax cross-entropy of the features of the classes that are in the image.

    Args:
        logits (Tensor): (B, C, C), see :func:`class_feature_logits`.
        targets (Tensor): (B, C), > 0 for classes in the image.

    Returns:
        Tensor: scalar; the mean over an image's classes, then over images. An image without any
        class adds nothing (the published code makes it NaN).
    """
    loss_bc = -F.log_softmax(logits.float(), dim=-1).diagonal(dim1=1, dim2=2)
    present_bc = (targets > 0).to(loss_bc)
    mean_b = (loss_bc * present_bc).sum(dim=1) / present_bc.sum(dim=1).clamp(min=1)
    return mean_b.mean()


@MODELS.register_module()
class ReCAMHead(CAMHead):
    """The classifier of a trained :class:`CAMHead` tuned together with a class predictor.

    Loss: L_cls + w L_sce. Nothing is detached, as published. The state dict of a
    :class:`CAMHead`, from whose checkpoint training starts, plus ``predictor.weight``
    (C, D, 1, 1).

    Args:
        num_classes (int): C. With one class the softmax is 1 whatever the features, its loss and
            gradients are 0: the predictor stays as it was initialised, and maps may come from
            the classifier alone.
        in_channels (int): D.
        loss_sce_weight (float): w; 1 for VOC and 0.1 for COCO in the published code.
        cam_weights (str): which weights make activation maps: ``'product'`` of classifier and
            predictor weights (published for VOC), ``'classifier'`` (published for COCO) or
            ``'predictor'``. The product needs features >= 0, as behind a ReLU: where both weights
            of a channel are negative it turns what speaks for a class against it. For trunks that
            end without an activation (MobileNet, EfficientNet) use ``'predictor'``.
        pooling, thr: see :class:`CAMHead`.

    Raises:
        ValueError: for an unknown option, or maps from a predictor that is never trained.
    """

    def __init__(self,
                 num_classes: int,
                 in_channels: int,
                 loss_sce_weight: float = 1.0,
                 cam_weights: str = 'product',
                 pooling: Union[str, dict] = 'gap',
                 thr: float = 0.5,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(num_classes, in_channels, pooling=pooling, thr=thr, init_cfg=init_cfg)
        if cam_weights not in CAM_WEIGHTS:
            raise ValueError(f'cam_weights={cam_weights!r} is unknown; use one of {CAM_WEIGHTS}')
        if loss_sce_weight < 0:
            raise ValueError(f'loss_sce_weight must be >= 0, got {loss_sce_weight}')
        if loss_sce_weight == 0 and cam_weights != 'classifier':
            raise ValueError(f'cam_weights={cam_weights!r} would take maps from a predictor that '
                             "loss_sce_weight=0 never trains: set one > 0, or cam_weights="
                             "'classifier'")
        if num_classes == 1 and cam_weights != 'classifier':
            raise ValueError(f'num_classes=1: cam_weights={cam_weights!r} would take maps from a '
                             'predictor that a softmax over one class never trains: set '
                             "cam_weights='classifier', or use CAMHead without ReCAM")
        self.loss_sce_weight = loss_sce_weight
        self.cam_weights = cam_weights
        self.predictor = nn.Conv2d(in_channels, num_classes, 1, bias=False)

    def activation_maps(self, feats: Union[Tensor, Sequence[Tensor]]) -> Tensor:
        """Class activation maps before the ReLU, (B, C, H, W), by ``cam_weights``."""
        x = self.last_map(feats)
        weight = {
            'product': self.classifier.weight * self.predictor.weight,
            'classifier': self.classifier.weight,
            'predictor': self.predictor.weight}[self.cam_weights]
        return F.conv2d(x, weight)

    def loss_by_maps(self, x: Tensor, targets: Tensor) -> Dict[str, Tensor]:
        """``loss_cls`` (Eq. 4) and w x ``loss_sce``."""
        # Both in one convolution: the features are read, and get their gradient, once.
        weight = torch.cat([self.classifier.weight, self.predictor.weight])
        maps, scores = F.conv2d(x, weight).chunk(2, dim=1)
        logits_bcc = class_feature_logits(maps, scores)
        return dict(
            loss_cls=classification_loss(self.pool(maps), targets),
            loss_sce=self.loss_sce_weight * class_feature_loss(logits_bcc, targets))
