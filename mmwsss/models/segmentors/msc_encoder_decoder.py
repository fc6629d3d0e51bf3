"""Multi-scale-max segmentor of DeepLabV2 (MSC).

Source: Chen et al., "DeepLab", TPAMI 2017, section 4.1.2 (multi-scale inputs with max fusion); the
loss on every scale and on the fusion is that of the published training code.

Shape letters: B batch, K classes, H and W of the image, h and w of the logits at scale 1.
"""
from typing import Dict, List, Sequence, Tuple

import torch
import torch.nn.functional as F
from mmengine.registry import MODELS
from mmengine.structures import PixelData
from mmseg.models.decode_heads.cascade_decode_head import BaseCascadeDecodeHead
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.segmentors import EncoderDecoder
from mmseg.structures import SegDataSample
from mmseg.utils import add_prefix
from torch import Tensor


def shrink_labels(labels: Tensor, size: Tuple[int, int]) -> Tensor:
    """Nearest-neighbour resize of label maps, as PIL does it: pixel centres, exact integers.

    Args:
        labels (Tensor): (..., H, W), any dtype.
        size (tuple[int, int]): (h, w) of the result.

    Returns:
        Tensor: (..., h, w), same dtype; row i is row floor((i + 0.5) H / h) of the input.
        (Where that lies exactly between two rows, PIL's accumulated rounding may take the other.)
    """
    for dim, length in zip((-2, -1), size):
        source = labels.shape[dim]
        centres = 2 * torch.arange(length, device=labels.device) + 1
        labels = labels.index_select(dim, centres * source // (2 * length))
    return labels


def max_fusion(logits: Sequence[Tensor]) -> Tensor:
    """Pixelwise maximum of logit maps (B, K, h_i, w_i), at the size of the first."""
    fused = logits[0]
    for other in logits[1:]:
        fused = torch.maximum(fused, F.interpolate(
            other, size=fused.shape[-2:], mode='bilinear', align_corners=False))
    return fused


@MODELS.register_module()
class MSCEncoderDecoder(EncoderDecoder):
    """EncoderDecoder over several scales of the image, fused by a pixelwise maximum.

    Training: the decode head's loss for the logits of each scale plus the one for their maximum
    (taken at the logit size of scale 1), all at logit resolution: the labels are shrunk to the
    logits, not the logits enlarged. The sum is minimised, as published. Auxiliary heads get
    mmseg's usual loss at scale 1. Losses are logged as ``decode.*`` (scale 1),
    ``decode_x0.75.*``, ... and ``decode_max.*``.
    Testing (``predict``, slide and whole mode, TTA) and ``mode='tensor'``: the maximum.

    With ``scales=(1.0, )`` it is mmseg's ``EncoderDecoder``, in training too. The state dict is
    that of ``EncoderDecoder``.

    Args:
        *args, **kwargs: Arguments of mmseg's ``EncoderDecoder``.
        scales (Sequence[float]): Scales of the image; the first must be 1. Defaults to
            (1.0, 0.75, 0.5).

    Raises:
        ValueError: A scale is not positive, the first is not 1, one comes twice, or the decode
            head does not predict from plain logits (cascades, mask classification).
        TypeError: In the first forward, the head returns something else than one logit map.
    """

    def __init__(self, *args, scales: Sequence[float] = (1.0, 0.75, 0.5), **kwargs) -> None:
        if not scales or scales[0] != 1 or min(scales) <= 0 or len(set(scales)) < len(scales):
            raise ValueError('scales of MSCEncoderDecoder must begin with 1.0, be positive and '
                             f'all different, but got {tuple(scales)}')
        super().__init__(*args, **kwargs)
        self.scales = tuple(float(scale) for scale in scales)
        if len(self.scales) > 1:
            self._check_head()

    def _check_head(self) -> None:
        head = self.decode_head
        if (not isinstance(head, BaseDecodeHead) or isinstance(head, BaseCascadeDecodeHead)
                or type(head).predict is not BaseDecodeHead.predict):
            raise ValueError(
                f'MSCEncoderDecoder takes the maximum of plain logit maps, which '
                f'{type(head).__name__} does not give; use EncoderDecoder, or scales=(1.0, )')

    @property
    def multi_scale(self) -> bool:
        return len(self.scales) > 1

    def _rescale(self, inputs: Tensor, scale: float) -> Tensor:
        if scale == 1:
            return inputs
        return F.interpolate(inputs, scale_factor=scale, mode='bilinear', align_corners=False)

    def _head_logits(self, feats: List[Tensor]) -> Tensor:
        logits = self.decode_head.forward(feats)
        if not isinstance(logits, Tensor):
            raise TypeError(
                f'MSCEncoderDecoder needs a head that returns one logit map, but '
                f'{type(self.decode_head).__name__} returned a {type(logits).__name__}; use '
                'EncoderDecoder, or scales=(1.0, )')
        return logits

    def _fused_logits(self, inputs: Tensor) -> Tensor:
        """Maximum over the scales: (B, 3, H, W) -> (B, K, h, w)."""
        return max_fusion([
            self._head_logits(self.extract_feat(self._rescale(inputs, scale)))
            for scale in self.scales
        ])

    def loss(self, inputs: Tensor, data_samples: List[SegDataSample]) -> Dict[str, Tensor]:
        """Losses of every scale and of the maximum, see the class.

        Args:
            inputs (Tensor): (B, 3, H, W).
            data_samples (list[SegDataSample]): With ``gt_sem_seg`` (1, H, W), 255 ignored.

        Returns:
            dict[str, Tensor]: Loss terms and accuracies.
        """
        if not self.multi_scale:
            return super().loss(inputs, data_samples)
        losses: Dict[str, Tensor] = {}
        all_logits = []
        for scale in self.scales:
            feats = self.extract_feat(self._rescale(inputs, scale))
            logits = self._head_logits(feats)
            # Right after its forward: context heads keep their coarse map until the next loss.
            terms = self.decode_head.loss_by_feat(
                logits, self._shrunk_samples(data_samples, logits.shape[-2:]))
            prefix = 'decode' if scale == 1 else f'decode_x{scale:g}'
            losses.update(add_prefix(terms, prefix))
            if scale == 1 and self.with_auxiliary_head:
                losses.update(self._auxiliary_head_forward_train(feats, data_samples))
            all_logits.append(logits)
        fused = max_fusion(all_logits)
        # The base class's loss: the maximum has no coarse map or other by-product of a forward.
        terms = BaseDecodeHead.loss_by_feat(
            self.decode_head, fused, self._shrunk_samples(data_samples, fused.shape[-2:]))
        losses.update(add_prefix(terms, 'decode_max'))
        return losses

    @staticmethod
    def _shrunk_samples(data_samples: List[SegDataSample],
                        size: Tuple[int, int]) -> List[SegDataSample]:
        """New samples with only the label map, shrunk to ``size``."""
        return [
            SegDataSample(
                metainfo=sample.metainfo,
                gt_sem_seg=PixelData(data=shrink_labels(sample.gt_sem_seg.data, tuple(size))))
            for sample in data_samples
        ]

    def encode_decode(self, inputs: Tensor, batch_img_metas: List[dict]) -> Tensor:
        """Maximum over the scales, enlarged to the image: (B, 3, H, W) -> (B, K, H, W)."""
        if not self.multi_scale:
            return super().encode_decode(inputs, batch_img_metas)
        return self.decode_head.predict_by_feat(self._fused_logits(inputs), batch_img_metas)

    def _forward(self, inputs: Tensor, data_samples: object = None) -> Tensor:
        """Raw logits (B, K, h, w), the maximum over the scales."""
        if not self.multi_scale:
            return super()._forward(inputs, data_samples)
        return self._fused_logits(inputs)
