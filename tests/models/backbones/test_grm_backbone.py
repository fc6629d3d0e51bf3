import copy
import pickle

import pytest
import timm
import torch
from mmengine.registry import MODELS
from mmengine.runner import load_checkpoint
from mmseg.models import ResNet
from mmseg.registry import MODELS as MMSEG_MODELS
from torch import nn

from mmwsss.models import GraphReasoningMapping, GRMBackbone
from mmwsss.models.backbones import FrozenTIMMBackbone
from tests.models.layers.graphs import small_graph

R18 = dict(type='ResNet', depth=18, base_channels=4, stem_channels=4)
FAMILY = {
    'ResNet': (R18, 1),
    'ResNetV1c': (dict(R18, type='ResNetV1c'), 1),
    'ResNetV1d': (dict(R18, type='ResNetV1d'), 1),
    'Bottleneck': (dict(R18, depth=50), 4),
    'ResNeXt': (dict(R18, type='ResNeXt', depth=50, groups=2, base_width=4), 4),
    'ResNeSt': (dict(R18, type='ResNeSt', depth=50, radix=2, reduction_factor=4), 4),
}


def build(backbone=R18, **kwargs):
    kwargs = {'graph': small_graph(), 'hidden_channels': 8, **kwargs}
    return MODELS.build(dict(type='GRMBackbone', backbone=backbone, **kwargs))


def mode(backbone, training):
    backbone.train(training)  # mmseg's ResNet.train returns None, and so do eval and train
    return backbone


def image():
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


class PlusOne(nn.Module):
    def forward(self, x):
        return x + 1


@pytest.mark.parametrize('name', FAMILY)
def test_family(name):
    """Keys, shapes, channels, and gradients in every position (Table 5)."""
    cfg, expansion = FAMILY[name]
    backbone = build(cfg, stages=(1, 2, 3, 4))
    plain = MMSEG_MODELS.build(cfg)
    outs = backbone(image())
    assert [out.shape for out in outs] == [out.shape for out in plain(image())]
    for stage, out in enumerate(outs, 1):
        grm = getattr(backbone, f'layer{stage}').grm
        assert isinstance(grm, GraphReasoningMapping)
        assert grm.in_channels == out.shape[1] == 4 * 2**(stage - 1) * expansion
    outs[-1].square().sum().backward()
    for key, parameter in backbone.named_parameters():
        if '.grm.' in key:
            assert parameter.grad is not None and parameter.grad.abs().sum() > 0, key
    report = backbone.load_state_dict(plain.state_dict(), strict=False)
    assert not report.unexpected_keys
    assert {key.split('.grm.')[0] for key in report.missing_keys} == {
        'layer1', 'layer2', 'layer3', 'layer4'}
    assert all('.grm.' in key for key in report.missing_keys)


@pytest.mark.parametrize('stage', [1, 2, 3, 4])
def test_value(stage):
    """The mapping is applied to the stage's map, and the next stages see the result."""
    plain = mode(MMSEG_MODELS.build(R18), False)
    backbone = mode(build(stages=(stage, )), False)
    backbone.load_state_dict(plain.state_dict(), strict=False)
    getattr(backbone, f'layer{stage}').grm = PlusOne()
    x = plain.maxpool(plain.relu(plain.norm1(plain.conv1(image()))))
    for i, out in enumerate(backbone(image()), 1):
        x = getattr(plain, f'layer{i}')(x)
        x = x + 1 if i == stage else x
        torch.testing.assert_close(out, x)


def test_is_the_resnet():
    backbone = build()
    assert isinstance(backbone, ResNet) and isinstance(backbone, GRMBackbone)
    assert backbone.depth == 18 and backbone.grm_stages == (4, )
    assert not hasattr(backbone.layer3, 'grm')


def test_default_nodes():
    assert build().layer4.grm.nodes == 'gathered'
    reference = MODELS.build(dict(type='GRMBackbone', backbone=R18, graph=small_graph(),
                                  mode='reference'))
    assert reference.layer4.grm.nodes == 'fixed'
    assert build(nodes='fixed').layer4.grm.nodes == 'fixed'


@pytest.mark.parametrize('options, message', [
    (dict(stages=()), 'stages'), (dict(stages=(0, )), 'stages'), (dict(stages=(4, 4)), 'stages'),
    (dict(stages=(5, )), 'some of 1 to 4'), (dict(nodes='coarse'), "nodes='gathered'"),
    (dict(backbone=dict(R18, num_stages=2, strides=(1, 2), dilations=(1, 1), out_indices=(1, ))),
     'some of 1 to 2'),
    (dict(backbone=dict(type='MixVisionTransformer')), 'cannot be put into MixVisionTransformer'),
    (dict(backbone=dict(type='FrozenTIMMBackbone', model_name='tf_efficientnet_lite0',
                        out_indices=(2, 3))), 'some of 1 to 3'),
    (dict(backbone=dict(type='FrozenTIMMBackbone', model_name='tf_efficientnet_lite0',
                        frozen_stages=4, feature_cache='features')), 'feature_cache=None')])
def test_refused(options, message):
    with pytest.raises(ValueError, match=message):
        build(**options)


def test_no_config():
    with pytest.raises(TypeError, match='backbone of GRMBackbone'):
        MODELS.build(dict(type='GRMBackbone'))


def test_frozen_stages_leave_the_mapping_trainable():
    backbone = mode(build(dict(R18, frozen_stages=3, norm_eval=True), stages=(2, 4)), True)
    for key, parameter in backbone.named_parameters():
        frozen = not key.startswith('layer4') and '.grm.' not in key
        assert parameter.requires_grad == (not frozen), key
    assert backbone.layer2.grm.training and not backbone.layer2[0].training
    assert not backbone.layer4[0].norm1.training
    # Somebody else's freezing of it stays.
    backbone.layer2.grm.requires_grad_(False)
    mode(mode(backbone, False), True)
    assert not any(parameter.requires_grad for parameter in backbone.layer2.grm.parameters())
    assert not mode(backbone, False).layer2.grm.training


def test_initialisers_leave_the_mapping_alone():
    """ResNet initialises all convolutions below it."""
    backbone = build()
    before = copy.deepcopy(backbone.layer4.grm.state_dict())
    stem = backbone.conv1.weight.clone()
    backbone.init_weights()
    assert not torch.equal(backbone.conv1.weight, stem)
    for key, value in backbone.layer4.grm.state_dict().items():
        assert torch.equal(value, before[key]), key


@pytest.mark.parametrize('where', ['backbone', 'init_cfg', 'pretrained'])
@pytest.mark.parametrize('source', ['plain', 'with mapping'])
def test_checkpoint(tmp_path, source, where):
    """An ImageNet checkpoint, or one of a GRMBackbone, by any of the three spellings."""
    torch.manual_seed(1)
    state = (MMSEG_MODELS.build(R18) if source == 'plain' else build()).state_dict()
    path = str(tmp_path / 'r18.pth')
    torch.save(dict(state_dict=state), path)
    init = dict(type='Pretrained', checkpoint=path)
    backbone = build(**{
        'backbone': dict(backbone=dict(R18, init_cfg=init)),
        'init_cfg': dict(init_cfg=init),
        'pretrained': dict(pretrained=path)}[where])
    mapping = copy.deepcopy(backbone.layer4.grm.state_dict())
    backbone.init_weights()
    for key, value in backbone.state_dict().items():
        expected = state[key] if key in state else mapping[key.split('.grm.')[1]]
        assert torch.equal(value, expected), key
    load_checkpoint(backbone, path, map_location='cpu')


def test_copies():
    backbone = mode(build(), False)
    expected = backbone(image())[-1]
    for twin in (copy.deepcopy(backbone), pickle.loads(pickle.dumps(backbone))):
        assert type(twin) is type(backbone)
        torch.testing.assert_close(twin(image())[-1], expected)
        twin.layer4.grm = PlusOne()
        torch.testing.assert_close(backbone(image())[-1], expected)


def test_compiled_equals_eager():
    backbone = mode(build(), False)
    compiled = torch.compile(backbone, backend='aot_eager', fullgraph=True)
    torch.testing.assert_close(compiled(image())[-1], backbone(image())[-1])


LITE0 = dict(type='FrozenTIMMBackbone', model_name='tf_efficientnet_lite0',
             out_indices=(1, 2, 3, 4), frozen_stages=4)
LAST_BLOCKS = {1: 1, 2: 2, 3: 4, 4: 6}  # blocks of EfficientNet before strides 8, 16, 32 and last


@pytest.mark.parametrize('stage', LAST_BLOCKS)
def test_timm_value(stage):
    """The later blocks see the result; all keys but the mapping's are those of timm."""
    torch.manual_seed(0)
    plain = MMSEG_MODELS.build(LITE0).eval()
    backbone = build(LITE0, stages=(stage, )).eval()
    report = backbone.load_state_dict(plain.state_dict(), strict=False)
    prefix = f'timm_model.blocks.{LAST_BLOCKS[stage]}.grm.'
    assert not report.unexpected_keys and report.missing_keys
    assert all(key.startswith(prefix) for key in report.missing_keys)
    backbone.timm_model.blocks[LAST_BLOCKS[stage]].grm = PlusOne()
    net = plain.timm_model
    x, expected = net.bn1(net.conv_stem(image())), []
    for i, block in enumerate(net.blocks):
        x = block(x)
        if i in LAST_BLOCKS.values():
            x = x + 1 if i == LAST_BLOCKS[stage] else x
            expected.append(x)
    for out, value in zip(backbone(image()), expected):
        torch.testing.assert_close(out, value)


def test_timm_frozen_stages_leave_the_mapping_trainable():
    backbone = build(LITE0, stages=(1, 4)).train()
    assert isinstance(backbone, FrozenTIMMBackbone) and backbone.grm_stages == (1, 4)
    for index, channels in ((1, 24), (4, 320)):
        blocks, found = backbone.stage(index)
        assert found == blocks.grm.in_channels == channels == backbone.stage_channels(index)
        assert blocks.grm.training and not blocks[0].training
    backbone(image())[-1].square().sum().backward()
    for key, parameter in backbone.named_parameters():
        learns = parameter.grad is not None and bool(parameter.grad.abs().sum() > 0)
        assert learns == parameter.requires_grad == ('.grm.' in key), key
    assert not backbone.eval().stage(1)[0].grm.training


def test_timm_checkpoint(tmp_path):
    """A timm file is read as without a mapping, and leaves that alone."""
    torch.manual_seed(1)
    state = timm.create_model('tf_efficientnet_lite0').state_dict()
    path = str(tmp_path / 'lite0.pth')
    torch.save(state, path)
    backbone = build(dict(LITE0, init_cfg=dict(type='Pretrained', checkpoint=path)), stages=(3, ))
    before = copy.deepcopy(backbone.stage(3)[0].grm.state_dict())
    backbone.init_weights()
    for key, value in backbone.timm_model.state_dict().items():
        name = key.split('.grm.')[-1]
        assert torch.equal(value, before[name] if '.grm.' in key else state[key]), key
    with pytest.raises(ValueError, match='feature 0 is not the output of a sequence'):
        MMSEG_MODELS.build(dict(
            type='FrozenTIMMBackbone', model_name='resnet18', output_stride=32)).stage(0)
