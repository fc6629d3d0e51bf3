"""LargeFOVHead against its layers written out."""
import torch
import torch.nn.functional as F
from mmseg.registry import MODELS

import mmwsss  # noqa: F401


def _head(**kwargs):
    torch.manual_seed(0)
    return MODELS.build(
        dict(type='LargeFOVHead', in_channels=12, channels=16, num_classes=5, **kwargs))


def test_values_in_eval():
    head = _head().eval()
    with torch.no_grad():
        for param in head.parameters():
            param.normal_(0, 0.3)
    x = torch.randn(2, 12, 30, 27)
    state = head.state_dict()
    y = F.relu(F.conv2d(x, state['fc6.weight'], state['fc6.bias'], padding=12, dilation=12))
    y = F.relu(F.conv2d(y, state['fc7.weight'], state['fc7.bias']))
    expected = F.conv2d(y, state['conv_seg.weight'], state['conv_seg.bias'])
    torch.testing.assert_close(head([x]), expected)
    assert set(state) == {f'{m}.{p}' for m in ('fc6', 'fc7', 'conv_seg')
                          for p in ('weight', 'bias')}


def test_dropout_is_elementwise_and_only_in_training():
    head = _head()
    x = torch.randn(1, 12, 20, 20)
    head.train()
    assert not torch.equal(head([x]), head([x]))
    head.eval()
    assert torch.equal(head([x]), head([x]))
    dropped = head.dropout.train()(torch.ones(1, 4, 50, 50))
    share = (dropped == 0).float().mean((0, 2, 3))
    assert ((share > 0.4) & (share < 0.6)).all()


def test_published_size():
    head = MODELS.build(dict(type='LargeFOVHead', in_channels=512, num_classes=21))
    count = sum(p.numel() for p in head.parameters())
    assert count == 512 * 9 * 1024 + 1024 + 1024 * 1024 + 1024 + 1024 * 21 + 21


def test_initialisation():
    head = MODELS.build(dict(type='LargeFOVHead', in_channels=64, channels=64, num_classes=21))
    head.init_weights()
    for name, param in head.named_parameters():
        expected = 0 if name.endswith('bias') else 0.01
        assert abs(param.std().item() - expected) < 0.002, name
