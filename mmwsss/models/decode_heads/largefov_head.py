"""DeepLab-LargeFOV head: VGG's two fully connected layers as dilated convolutions.

Source: Chen et al., "DeepLab", TPAMI 2017, section 4.1.1 (LargeFOV), built on VGG-16.

Shape letters: B batch, D input channels, K classes, H and W of the feature map.
"""
from typing import List, Optional, Union

import torch.nn as nn
from mmengine.registry import MODELS
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor


@MODELS.register_module()
class LargeFOVHead(BaseDecodeHead):
    """fc6 (3x3, dilated) - ReLU - dropout - fc7 (1x1) - ReLU - dropout - classifier (1x1).

    Dropout is elementwise, as in VGG, not mmseg's ``Dropout2d``. All convolutions start from
    N(0, 0.01) with zero bias: VGG's fully connected weights (7x7, 4096) do not fit. The state
    dict holds ``fc6.*``, ``fc7.*`` and ``conv_seg.*``. A context module of ``ContextHead`` comes
    between fc7's ReLU and the last dropout.

    Args:
        in_channels (int): Channels D of the selected feature map, 512 for VGG-16.
        channels (int): Channels of fc6 and fc7. Defaults to 1024.
        num_classes (int): Number K of classes.
        dilation (int): Dilation of fc6. Defaults to 12.
        dropout_ratio (float): Probability of both dropouts. Defaults to 0.5.
        **kwargs: Arguments of mmseg's ``BaseDecodeHead``.

    Shape:
        - inputs: list of (B, D, H, W) feature maps, of which ``in_index`` is taken.
        - output: (B, K, H, W) logits.
    """

    def __init__(self,
                 in_channels: int,
                 channels: int = 1024,
                 *,
                 num_classes: int,
                 dilation: int = 12,
                 dropout_ratio: float = 0.5,
                 init_cfg: Optional[Union[dict, List[dict]]] = None,
                 **kwargs) -> None:
        if init_cfg is None:
            init_cfg = dict(
                type='Normal',
                std=0.01,
                override=[dict(name=name) for name in ('fc6', 'fc7', 'conv_seg')])
        super().__init__(
            in_channels=in_channels,
            channels=channels,
            num_classes=num_classes,
            dropout_ratio=dropout_ratio,
            init_cfg=init_cfg,
            **kwargs)
        self.fc6 = nn.Conv2d(self.in_channels, channels, 3, padding=dilation, dilation=dilation)
        self.fc7 = nn.Conv2d(channels, channels, 1)
        self.relu = nn.ReLU()
        # cls_seg of the base class applies self.dropout before the classifier.
        self.dropout = nn.Dropout(dropout_ratio)

    def forward(self, inputs: List[Tensor]) -> Tensor:
        """Logits (B, K, H, W) of the selected feature map (B, D, H, W)."""
        x = self._transform_inputs(inputs)
        x = self.dropout(self.relu(self.fc6(x)))
        x = self.relu(self.fc7(x))
        return self.cls_seg(x)
