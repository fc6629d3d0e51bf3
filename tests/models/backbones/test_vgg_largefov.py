"""VGGLargeFOV: torchvision's names and weights, DeepLab's strides."""
import pytest
import torch
import torch.nn.functional as F
from mmengine.runner.checkpoint import load_state_dict
from mmseg.registry import MODELS
from torchvision.models import vgg16

import mmwsss  # noqa: F401


def _backbone(**kwargs):
    return MODELS.build(dict(type='VGGLargeFOV', **kwargs))


def test_parameters_are_torchvisions():
    source = vgg16(weights=None).features.state_dict()
    own = _backbone().state_dict()
    assert {key: value.shape for key, value in own.items()} == {
        f'features.{key}': value.shape for key, value in source.items()}


def test_values_against_layers_written_out():
    torch.manual_seed(0)
    source = vgg16(weights=None)
    backbone = _backbone().eval()
    load_state_dict(backbone, source.state_dict(), strict=False)
    x = torch.randn(1, 3, 33, 49)
    y, numbers = x, iter((0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28))
    for depth, dilation, stride in ((2, 1, 2), (2, 1, 2), (3, 1, 2), (3, 1, 1), (3, 2, 1)):
        for _ in range(depth):
            conv = source.features[next(numbers)]
            y = F.relu(F.conv2d(y, conv.weight, conv.bias, padding=dilation, dilation=dilation))
        y = F.max_pool2d(y, 3, stride=stride, padding=1)
    expected = F.avg_pool2d(y, 3, stride=1, padding=1)
    with torch.no_grad():
        (out, ) = backbone(x)
    torch.testing.assert_close(out, expected)


def test_crop_321_gives_41():
    with torch.no_grad():
        outs = _backbone(out_indices=(2, 4))(torch.zeros(1, 3, 321, 321))
    assert [tuple(out.shape) for out in outs] == [(1, 256, 41, 41), (1, 512, 41, 41)]


def test_frozen_stages_get_no_gradient():
    backbone = _backbone(frozen_stages=1)
    frozen = {name for name, p in backbone.named_parameters() if not p.requires_grad}
    assert frozen == {f'features.{i}.{leaf}' for i in (0, 2, 5, 7) for leaf in ('weight', 'bias')}


@pytest.mark.parametrize('kwargs', [
    dict(out_indices=(5, )), dict(out_indices=()), dict(frozen_stages=5)])
def test_bad_stages(kwargs):
    with pytest.raises(ValueError, match='VGGLargeFOV'):
        _backbone(**kwargs)
