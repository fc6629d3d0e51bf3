"""Dilated depthwise convolutions on interleaved maps beside nn.Conv2d."""
import copy

import pytest
import torch
import torch.nn as nn

from mmwsss.models.layers.dilated_depthwise import SplitDilatedConv2d, split_dilated_depthwise


def _depthwise(kernel=3, dilation=2, channels=6, **kwargs):
    size = (kernel, kernel) if isinstance(kernel, int) else kernel
    return nn.Conv2d(channels, channels, size, dilation=dilation, groups=channels,
                     padding=tuple(dilation * (k // 2) for k in size), **kwargs)


@pytest.mark.parametrize('layout', [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize('kernel, dilation', [(3, 2), (5, 2), (3, 4), ((3, 5), 3)])
@pytest.mark.parametrize('size', [(12, 12), (9, 13), (1, 5), (2, 2)])
def test_output_and_gradients_equal_the_dilated_convolution(size, kernel, dilation, layout):
    torch.manual_seed(0)
    plain = _depthwise(kernel, dilation).double()
    split = split_dilated_depthwise(copy.deepcopy(plain))
    assert type(split) is SplitDilatedConv2d
    outs = []
    for conv in (plain, split):
        x = torch.randn(3, 6, *size, dtype=torch.double,
                        generator=torch.Generator().manual_seed(1))
        x = x.contiguous(memory_format=layout).requires_grad_()
        out = conv(x)
        weights = torch.linspace(-1, 1, out.numel(), dtype=torch.double).view_as(out)
        (out * weights).sum().backward()
        outs.append((out, x.grad, conv.weight.grad, conv.bias.grad))
    for ours, expected in zip(outs[1], outs[0]):
        torch.testing.assert_close(ours, expected)


@pytest.mark.parametrize('conv', [
    nn.Conv2d(6, 6, 3, padding=1, groups=6),  # not dilated
    nn.Conv2d(6, 6, 3, padding=2, dilation=2),  # not depthwise
    nn.Conv2d(6, 6, 3, padding=2, dilation=2, groups=6, stride=2),
    nn.Conv2d(6, 6, 3, dilation=2, groups=6),  # does not keep the size
    nn.Conv2d(6, 6, 3, padding=2, dilation=2, groups=6, padding_mode='reflect'),
    nn.Conv2d(6, 6, 3, padding='same', dilation=2, groups=6),
    nn.Conv2d(6, 6, 4, padding=4, dilation=2, groups=6),
])
def test_other_convolutions_stay(conv):
    assert type(split_dilated_depthwise(nn.Sequential(conv))[0]) is nn.Conv2d


def test_names_of_parameters_stay():
    net = nn.Sequential(_depthwise())
    before = list(net.state_dict())
    assert list(split_dilated_depthwise(net).state_dict()) == before == ['0.weight', '0.bias']
