"""Dilated depthwise convolutions as undilated ones, for CPUs that have no fast kernel for them.

A convolution with dilation d relates only pixels whose rows and columns are equal modulo d. So a
map falls into d x d interleaved maps, each convolved without dilation: the space-to-batch form of
à trous convolution (Papandreou et al., CVPR 2015; Chen et al., "DeepLab", section 3.1).

Shape letters: B batch, C channels, H and W of the map, d dilation, h = ceil(H / d) and
w = ceil(W / d).
"""
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor


class SplitDilatedConv2d(nn.Conv2d):
    """``nn.Conv2d`` with stride 1 that keeps the size, computed on d x d interleaved maps.

    Output and gradients equal those of ``nn.Conv2d`` up to rounding; parameters and their names
    are the same.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H, W)."""
        d, (height, width) = self.dilation[0], x.shape[-2:]
        # What is padded here is among the zeros that the convolution itself pads.
        x = F.pad(x, (0, -width % d, 0, -height % d))
        out = F.conv2d(
            _split(x, d), self.weight, self.bias,
            padding=(self.padding[0] // d, self.padding[1] // d), groups=self.groups)
        return _join(out, d)[:, :, :height, :width]


def split_dilated_depthwise(module: nn.Module) -> nn.Module:
    """Let dilated depthwise convolutions of ``module`` that keep the size compute in this form.

    Works in place and changes neither parameters nor their names; others stay as they are.
    """
    for conv in module.modules():
        if type(conv) is nn.Conv2d and _is_dilated_depthwise(conv):
            conv.__class__ = SplitDilatedConv2d
    return module


def _is_dilated_depthwise(conv: nn.Conv2d) -> bool:
    d = conv.dilation[0]
    keeps_size = conv.padding == tuple(d * (size // 2) for size in conv.kernel_size)
    return (d > 1 and conv.dilation == (d, d) and conv.stride == (1, 1) and keeps_size
            and conv.groups == conv.in_channels and conv.padding_mode == 'zeros'
            and all(size % 2 for size in conv.kernel_size))


def _split(x: Tensor, d: int) -> Tensor:
    """(B, C, d h, d w) to (d d B, C, h, w), the channels last in memory."""
    batch, channels, height, width = x.shape
    x = x.permute(0, 2, 3, 1).reshape(batch, height // d, d, width // d, d, channels)
    x = x.permute(0, 2, 4, 1, 3, 5).reshape(-1, height // d, width // d, channels)
    return x.permute(0, 3, 1, 2)


def _join(x: Tensor, d: int) -> Tensor:
    """The inverse of ``_split``."""
    _, channels, height, width = x.shape
    x = x.permute(0, 2, 3, 1).reshape(-1, d, d, height, width, channels)
    x = x.permute(0, 3, 1, 4, 2, 5).reshape(-1, height * d, width * d, channels)
    return x.permute(0, 3, 1, 2)
