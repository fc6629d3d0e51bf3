"""VGG-16 trunk of DeepLab-LargeFOV: output stride 8, torchvision's parameter names.

Source: Chen et al., "DeepLab", TPAMI 2017, section 4.1; VGG: Simonyan and Zisserman, 2015.

Shape letters: B batch, H and W of the image.
"""
from typing import List, Optional, Sequence, Tuple, Union

import torch.nn as nn
from mmengine.model import BaseModule
from mmengine.registry import MODELS
from torch import Tensor

# (convolutions, channels, dilation, stride of the pool that ends the stage)
_STAGES = ((2, 64, 1, 2), (2, 128, 1, 2), (3, 256, 1, 2), (3, 512, 1, 1), (3, 512, 2, 1))


def _stage_layers(in_channels: int, depth: int, channels: int, dilation: int,
                  pool_stride: int) -> List[nn.Module]:
    """Layers of one stage, in torchvision's order so that the running indices agree."""
    layers: List[nn.Module] = []
    for _ in range(depth):
        layers.append(
            nn.Conv2d(in_channels, channels, 3, padding=dilation, dilation=dilation))
        layers.append(nn.ReLU(inplace=True))
        in_channels = channels
    layers.append(nn.MaxPool2d(3, stride=pool_stride, padding=1))
    return layers


@MODELS.register_module()
class VGGLargeFOV(BaseModule):
    """VGG-16 convolutions with pool4 and pool5 at stride 1 and conv5 dilated by 2.

    All pools are 3x3 with padding 1, and a 3x3 average pool follows pool5, as in DeepLab's
    published network. The parameters are named ``features.{i}.weight`` and ``features.{i}.bias``
    with torchvision's indices (0 to 28), so ImageNet weights load by
    ``init_cfg=dict(type='Pretrained', checkpoint='torchvision://vgg16')`` (RGB, ImageNet mean and
    std); that file's ``classifier.*`` is reported as unexpected and not used.

    Args:
        in_channels (int): Channels of the image. Defaults to 3.
        out_indices (Sequence[int]): Which stages to return, 0 to 4. Defaults to (4, ).
        frozen_stages (int): Stages 0..frozen_stages get no gradient; -1 freezes none. Defaults
            to -1.
        init_cfg (dict, optional): Initialisation config.

    Shape:
        - input: (B, in_channels, H, W)
        - output: tuple of (B, C_i, H / s_i, W / s_i), sides rounded up, with C = 64, 128, 256,
          512, 512 and s = 2, 4, 8, 8, 8 for the stages in ``out_indices``.
    """

    def __init__(self,
                 in_channels: int = 3,
                 out_indices: Sequence[int] = (4, ),
                 frozen_stages: int = -1,
                 init_cfg: Optional[Union[dict, List[dict]]] = None) -> None:
        super().__init__(init_cfg)
        if not out_indices or not set(out_indices) <= set(range(len(_STAGES))):
            raise ValueError('out_indices of VGGLargeFOV must be stages 0 to 4, but got '
                             f'{tuple(out_indices)}')
        if not -1 <= frozen_stages < len(_STAGES):
            raise ValueError('frozen_stages of VGGLargeFOV must be -1 (none) to 4, but got '
                             f'{frozen_stages}')
        self.out_indices = tuple(out_indices)
        layers: List[nn.Module] = []
        self._stage_ends = []
        for depth, channels, dilation, pool_stride in _STAGES:
            layers += _stage_layers(in_channels, depth, channels, dilation, pool_stride)
            self._stage_ends.append(len(layers))
            in_channels = channels
        self.features = nn.Sequential(*layers)
        self.pool5a = nn.AvgPool2d(3, stride=1, padding=1)
        frozen_end = 0 if frozen_stages < 0 else self._stage_ends[frozen_stages]
        self.features[:frozen_end].requires_grad_(False)

    def forward(self, x: Tensor) -> Tuple[Tensor, ...]:
        """Feature maps of the stages in ``out_indices``."""
        outs = []
        start = 0
        for stage, end in enumerate(self._stage_ends):
            for layer in self.features[start:end]:
                x = layer(x)
            start = end
            if stage == len(self._stage_ends) - 1:
                x = self.pool5a(x)
            if stage in self.out_indices:
                outs.append(x)
        return tuple(outs)
