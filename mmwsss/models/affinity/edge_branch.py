"""IRN's edge branch: one edge map from the features of all stages of a network.

Source: Ahn, Cho, Kwak, CVPR 2019, §4.1 and Fig. 2, and the published code.

B: batch, C: channels of a stage, H, W: size of the image, h, w: of a map at stride 4, S: stages.
"""
from contextlib import contextmanager
from typing import Iterator, List, Optional, Sequence, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STRIDE = 4
_PROBE = 128


def map_size(image_size: Sequence[int]) -> Tuple[int, int]:
    """(H, W) of an image -> (h, w) of its edge map: over 4, rounded up."""
    return tuple(-(-length // STRIDE) for length in image_size)


class EdgeBranch(nn.Module):
    """A 1x1 convolution, GroupNorm and ReLU on each stage, resized to stride 4; one on all.

    Args:
        in_channels (Sequence[int]): C of each stage.
        strides (Sequence[int]): of each stage, a multiple or a divisor of 4.
        channels (int): of each side branch; 32 in IRN.
        groups (int): of GroupNorm; 4 in IRN.

    Shape:
        - input: S features (B, C_s, ceil(H / stride_s), ceil(W / stride_s)), and (H, W)
        - output: (B, h, w) logits
    """

    def __init__(self, in_channels: Sequence[int], strides: Sequence[int], channels: int = 32,
                 groups: int = 4) -> None:
        super().__init__()
        odd = [stride for stride in strides if max(stride, STRIDE) % min(stride, STRIDE)]
        if odd or len(in_channels) != len(strides) or not in_channels:
            raise ValueError('the edge branch needs channels and stride of each stage, strides '
                             f'being multiples or divisors of {STRIDE}; got {tuple(in_channels)} '
                             f'and {tuple(strides)}')
        self.strides = tuple(strides)
        self.sides = nn.ModuleList(
            nn.Sequential(nn.Conv2d(c, channels, 1, bias=False), nn.GroupNorm(groups, channels))
            for c in in_channels)
        self.fuse = nn.Conv2d(channels * len(in_channels), 1, 1)

    def forward(self, features: Sequence[Tensor], image_size: Sequence[int]) -> Tensor:
        height, width = map_size(image_size)
        maps = [_to_stride(side(feature), stride)[..., :height, :width].relu()
                for feature, side, stride in zip(features, self.sides, self.strides)]
        return self.fuse(torch.cat(maps, dim=1))[:, 0]


def _to_stride(feature: Tensor, stride: int) -> Tensor:
    """Resize by stride / 4, bilinear. A feature reaches beyond an image whose size is no multiple
    of its stride; resizing it as a whole, and cutting later, keeps it in place."""
    if stride > STRIDE:
        return F.interpolate(feature, scale_factor=stride // STRIDE, mode='bilinear')
    if stride < STRIDE:
        return F.avg_pool2d(feature, STRIDE // stride, ceil_mode=True)
    return feature


def stage_features(backbone: nn.Module, images: Tensor, stem: Optional[str] = None
                   ) -> List[Tensor]:
    """What a backbone returns, after the output of its module ``stem`` if one is named."""
    with _output_of(backbone, stem) as first:
        features = backbone(images)
    features = [features] if isinstance(features, Tensor) else list(features)
    return first + features


def probe_stages(backbone: nn.Module, stem: Optional[str] = None) -> Tuple[List[int], List[int]]:
    """Channels and strides of a backbone's features, found with one blank image.

    Raises:
        ValueError: ``stem`` is no module of it, or a feature is no map of a whole stride.
    """
    if stem is not None and stem not in dict(backbone.named_modules()):
        raise ValueError(f'stem={stem!r} is no module of {type(backbone).__name__}; its parts are '
                         f'{[name for name, _ in backbone.named_children()]}')
    training = backbone.training
    backbone.eval()  # does not return the network in all of them
    with torch.no_grad():
        features = stage_features(backbone, torch.zeros(1, 3, _PROBE, _PROBE), stem)
    backbone.train(training)
    shapes = [tuple(feature.shape) for feature in features]
    if any(len(shape) != 4 or shape[2] != shape[3] or _PROBE % shape[2] for shape in shapes):
        raise ValueError(f'{type(backbone).__name__} must give maps of whole strides, got '
                         f'{shapes} for an image of {_PROBE} x {_PROBE}')
    return [shape[1] for shape in shapes], [_PROBE // shape[2] for shape in shapes]


@contextmanager
def _output_of(backbone: nn.Module, name: Optional[str]) -> Iterator[List[Tensor]]:
    """A list that gets the output of a part of a network. The hook lives for one pass only, so
    that the network can be copied and pickled."""
    outputs: List[Tensor] = []
    if name is None:
        yield outputs
        return
    handle = backbone.get_submodule(name).register_forward_hook(
        lambda module, inputs, output: outputs.append(output))
    try:
        yield outputs
    finally:
        handle.remove()
