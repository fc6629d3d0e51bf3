"""DeepLabV2Head against the sum of convolutions written out."""
import pytest
import torch
import torch.nn.functional as F
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

import mmwsss  # noqa: F401

DILATIONS = (6, 12, 18, 24)


def _head(**kwargs):
    torch.manual_seed(0)
    cfg = dict(type='DeepLabV2Head', in_channels=8, num_classes=5)
    cfg.update(kwargs)
    head = MODELS.build(cfg).eval()
    with torch.no_grad():  # biases too, so that they show in the values
        for param in head.parameters():
            param.normal_(0, 0.3)
    return head


def _pyramid(head, x):
    total = 0
    for i, rate in enumerate(DILATIONS):
        weight, bias = head.state_dict()[f'aspp.{i}.weight'], head.state_dict()[f'aspp.{i}.bias']
        total = total + F.conv2d(x, weight, bias, padding=rate, dilation=rate)
    return total


def test_straight_to_classes_is_the_sum_of_convolutions():
    head = _head()
    x = torch.randn(2, 8, 41, 33)
    logits = head([x])
    assert logits.shape == (2, 5, 41, 33)
    torch.testing.assert_close(logits, _pyramid(head, x))
    assert sorted(head.state_dict()) == sorted(
        f'aspp.{i}.{leaf}' for i in range(4) for leaf in ('weight', 'bias'))


@pytest.mark.parametrize('bias', [False, True])
def test_middle_channels_relu_and_classifier(bias):
    head = _head(channels=16, classifier_bias=bias)
    x = torch.randn(2, 8, 29, 35)
    state = head.state_dict()
    expected = F.conv2d(
        F.relu(_pyramid(head, x)), state['conv_seg.weight'], state.get('conv_seg.bias'))
    torch.testing.assert_close(head([x]), expected)
    assert ('conv_seg.bias' in state) is bias


def test_published_sizes():
    plain = MODELS.build(dict(type='DeepLabV2Head', in_channels=2048, num_classes=21))
    wide = MODELS.build(
        dict(type='DeepLabV2Head', in_channels=2048, channels=256, num_classes=21))
    count = lambda head: sum(p.numel() for p in head.parameters())  # noqa: E731
    assert count(plain) == 4 * (2048 * 9 * 21 + 21)
    assert count(wide) == 4 * (2048 * 9 * 256 + 256) + 256 * 21


@pytest.mark.parametrize('channels', [None, 64])
def test_initialisation(channels):
    head = MODELS.build(
        dict(type='DeepLabV2Head', in_channels=64, channels=channels, num_classes=21))
    head.init_weights()
    for name, param in head.named_parameters():
        if name.endswith('bias'):
            assert param.abs().max() == 0, name
        else:
            assert abs(param.std().item() - 0.01) < 0.002, name


def test_loss_reaches_every_parameter():
    head = _head(channels=16).train()
    samples = [SegDataSample(gt_sem_seg=PixelData(data=torch.randint(0, 5, (1, 40, 40))))
               for _ in range(2)]
    losses = head.loss([torch.randn(2, 8, 20, 20)], samples, {})
    losses['loss_ce'].backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in head.parameters())


def test_other_dilations_and_selected_feature():
    head = _head(dilations=(1, 2), in_index=0)
    x = torch.randn(1, 8, 9, 9)
    state = head.state_dict()
    expected = sum(
        F.conv2d(x, state[f'aspp.{i}.weight'], state[f'aspp.{i}.bias'], padding=r, dilation=r)
        for i, r in enumerate((1, 2)))
    torch.testing.assert_close(head([x, torch.randn(1, 99, 3, 3)]), expected)


@pytest.mark.parametrize('dilations', [(), (0, 6)])
def test_bad_dilations(dilations):
    with pytest.raises(ValueError, match='dilation'):
        _head(dilations=dilations)
