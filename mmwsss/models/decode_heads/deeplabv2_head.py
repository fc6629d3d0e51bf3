"""DeepLabV2 head: parallel dilated 3x3 convolutions, summed.

Sources: Chen et al., "DeepLab", TPAMI 2017, section 3.2 (ASPP, here called the 2017 head);
Zhang et al., GRM, section 3.4 (2048 -> 256 before the graph reasoning and a 1x1 classifier).

Shape letters: B batch, D input channels, M middle channels, K classes, H and W of the feature map.
"""
from typing import List, Optional, Sequence, Union

import torch.nn as nn
from mmengine.registry import MODELS
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor


@MODELS.register_module()
class DeepLabV2Head(BaseDecodeHead):
    """Atrous spatial pyramid of DeepLabV2: one dilated 3x3 convolution a rate, summed.

    Two forms:

    - ``channels=None``: the 2017 head. Each convolution maps straight to the classes, their sum
      is the logits, and there is no pixel classifier (so nothing can be put before it).
    - ``channels=M``: the sum has M channels, then ReLU, then ``cls_seg`` (a 1x1 convolution). A
      GRM or any context module of ``GRMHead``/``ContextHead`` goes before that classifier.

    No normalisation and no dropout, as published. Convolution weights start from N(0, 0.01),
    biases from 0. The state dict holds ``aspp.{i}.weight``, ``aspp.{i}.bias`` (one i a dilation)
    and, when ``channels`` is given, ``conv_seg.weight`` (and ``conv_seg.bias``).

    Args:
        in_channels (int): Channels D of the selected feature map.
        channels (int, optional): Channels M of the sum, or None for the 2017 head.
        num_classes (int): Number K of classes.
        dilations (Sequence[int]): Rates of the parallel convolutions. Defaults to
            (6, 12, 18, 24), "ASPP-L" of the paper.
        classifier_bias (bool): Whether the 1x1 classifier has a bias. Defaults to False, as in
            the GRM paper's code. Unused with ``channels=None``.
        dropout_ratio (float): Dropout before the classifier. Defaults to 0.
        **kwargs: Arguments of mmseg's ``BaseDecodeHead``.

    Shape:
        - inputs: list of (B, D, H, W) feature maps, of which ``in_index`` is taken.
        - output: (B, K, H, W) logits.
    """

    def __init__(self,
                 in_channels: int,
                 channels: Optional[int] = None,
                 *,
                 num_classes: int,
                 dilations: Sequence[int] = (6, 12, 18, 24),
                 classifier_bias: bool = False,
                 dropout_ratio: float = 0.,
                 init_cfg: Optional[Union[dict, List[dict]]] = None,
                 **kwargs) -> None:
        if not dilations or min(dilations) < 1:
            raise ValueError('DeepLabV2Head needs at least one dilation, all of them >= 1, but '
                             f'got dilations={tuple(dilations)}')
        if init_cfg is None:
            parts = ['aspp'] if channels is None else ['aspp', 'conv_seg']
            init_cfg = dict(
                type='Normal', std=0.01, override=[dict(name=part) for part in parts])
        super().__init__(
            in_channels=in_channels,
            channels=num_classes if channels is None else channels,
            num_classes=num_classes,
            dropout_ratio=dropout_ratio,
            init_cfg=init_cfg,
            **kwargs)
        self.dilations = tuple(dilations)
        self.straight_to_classes = channels is None
        aspp_channels = self.out_channels if channels is None else channels
        self.aspp = nn.ModuleList(
            nn.Conv2d(self.in_channels, aspp_channels, 3, padding=rate, dilation=rate)
            for rate in self.dilations)
        if self.straight_to_classes:
            self.conv_seg = None
        else:
            self.conv_seg = nn.Conv2d(channels, self.out_channels, 1, bias=classifier_bias)
            self.relu = nn.ReLU()

    def forward(self, inputs: List[Tensor]) -> Tensor:
        """Logits (B, K, H, W) of the selected feature map (B, D, H, W)."""
        x = self._transform_inputs(inputs)
        pyramid = self.aspp[0](x)
        for conv in self.aspp[1:]:
            pyramid = pyramid + conv(x)
        if self.straight_to_classes:
            return pyramid
        return self.cls_seg(self.relu(pyramid))

    def extra_repr(self) -> str:
        return f'dilations={self.dilations}, {super().extra_repr()}'
