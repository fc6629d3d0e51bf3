"""Multi-label classification by class maps: the base of the heads here, and plain CAM.

Source: grm.txt §3.3, Eq. 4; CAM (Zhou et al. 2016).
Shape letters: B batch, D feature channels, H, W map size, C classes.
"""
from typing import Dict, List, Optional, Sequence, Tuple, Union

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from mmengine.registry import MODELS
from mmpretrain.structures import DataSample, label_to_onehot
from torch import Tensor, nn

from .pooling import check_pooling, pool_class_maps


@MODELS.register_module()
class CAMHead(BaseModule):
    """A 1x1 classifier on the last feature map, pooled into one score a class.

    The state dict holds ``classifier.weight`` (C, D, 1, 1).

    Args:
        num_classes (int): C, foreground classes only.
        in_channels (int): D.
        pooling (str | dict): kind, or arguments of
            :func:`mmwsss.models.heads.pooling.pool_class_maps`, e.g.
            ``dict(kind='lse', sharpness=1.0)``. Defaults to 'gap', the paper's.
        thr (float): probability from which a class is predicted. Defaults to 0.5.

    Raises:
        ValueError: for options out of range.
    """

    def __init__(self,
                 num_classes: int,
                 in_channels: int,
                 pooling: Union[str, dict] = 'gap',
                 thr: float = 0.5,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg=init_cfg)
        if num_classes < 1 or in_channels < 1:
            raise ValueError('num_classes and in_channels must be at least 1, got '
                             f'{num_classes} and {in_channels}')
        self.pooling = dict(kind=pooling) if isinstance(pooling, str) else dict(pooling)
        check_pooling(**self.pooling)
        self.num_classes = num_classes
        self.in_channels = in_channels
        self.thr = thr
        self.classifier = nn.Conv2d(in_channels, num_classes, 1, bias=False)

    def last_map(self, feats: Union[Tensor, Sequence[Tensor]]) -> Tensor:
        """The feature map to classify: (B, D, H, W).

        Raises:
            ValueError: if the backbone gives something else, such as a pooled vector or tokens.
        """
        x = feats if isinstance(feats, Tensor) else feats[-1]
        if not isinstance(x, Tensor) or x.ndim != 4 or x.shape[1] != self.in_channels:
            shape = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
            raise ValueError(
                f'{type(self).__name__} needs a feature map (images, {self.in_channels}, height, '
                f'width), got {shape}: set in_channels, remove pooling necks, and let '
                "transformers give maps (out_type='featmap')")
        return x

    def pool(self, maps: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C)."""
        return pool_class_maps(maps, **self.pooling)

    def forward(self, feats: Union[Tensor, Sequence[Tensor]]) -> Tensor:
        """Class scores before the sigmoid, (B, C)."""
        return self.pool(self.classifier(self.last_map(feats)))

    def activation_maps(self, feats: Union[Tensor, Sequence[Tensor]]) -> Tensor:
        """Class activation maps before the ReLU, (B, C, H, W): one matrix product."""
        return self.classifier(self.last_map(feats))

    def loss(self, feats: Tuple[Tensor], data_samples: List[DataSample], **kwargs) -> dict:
        """Eq. 4: binary cross-entropy, mean over classes and images.

        Returns:
            dict: ``loss_cls``.
        """
        x = self.last_map(feats)
        return self.loss_by_maps(x, self.targets(data_samples).to(x.device))

    def loss_by_maps(self, x: Tensor, targets: Tensor) -> Dict[str, Tensor]:
        """
        Args:
            x (Tensor): (B, D, H, W).
            targets (Tensor): (B, C), 0 to 1.
        """
        return dict(loss_cls=classification_loss(self.pool(self.classifier(x)), targets))

    def targets(self, data_samples: List[DataSample]) -> Tensor:
        """Image-level labels as (B, C) floats, from ``gt_score`` or else ``gt_label``.

        Raises:
            ValueError: if a sample has neither, or labels of another number of classes.
        """
        return torch.stack([self._target(sample) for sample in data_samples])

    def _target(self, sample: DataSample) -> Tensor:
        path = sample.get('img_path', 'an image')
        if 'gt_score' in sample:
            score = sample.gt_score.float()
        elif 'gt_label' in sample:
            label = sample.gt_label
            if label.numel() and not 0 <= int(label.min()) <= int(label.max()) < self.num_classes:
                raise ValueError(f'{path} has labels {label.tolist()}, the head num_classes='
                                 f'{self.num_classes}')
            score = label_to_onehot(label, self.num_classes).float()
        else:
            raise ValueError(f'{path} has no image-level labels: use ImageLabelDataset and '
                             'PackInputs in the pipeline')
        if score.shape != (self.num_classes, ):
            raise ValueError(f'{path} has labels for {len(score)} classes, the head num_classes='
                             f'{self.num_classes}: set it to the number of foreground classes')
        return score

    def predict(self,
                feats: Tuple[Tensor],
                data_samples: Optional[List[DataSample]] = None) -> List[DataSample]:
        """Set ``pred_score`` (C,), probabilities, and ``pred_label``, the classes from ``thr``."""
        return self.predict_by_logits(self(feats), data_samples)

    def predict_by_logits(self,
                          logits: Tensor,
                          data_samples: Optional[List[DataSample]] = None) -> List[DataSample]:
        """:meth:`predict` from scores (B, C) before the sigmoid."""
        scores_bc = logits.float().sigmoid()
        if data_samples is None:
            data_samples = [DataSample() for _ in scores_bc]
        for sample, score_c in zip(data_samples, scores_bc):
            sample.set_pred_score(score_c)
            sample.set_pred_label((score_c >= self.thr).nonzero()[:, 0])
        return data_samples


def classification_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Eq. 4, with its sign: multi-label soft margin, the mean over images and classes."""
    return F.binary_cross_entropy_with_logits(logits, targets.to(logits))
