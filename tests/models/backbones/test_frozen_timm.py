"""FrozenTIMMBackbone: freezing, dropped blocks, local ImageNet weights."""
import pytest
import timm
import torch
from mmseg.registry import MODELS

import mmwsss  # noqa: F401
from mmwsss.models.layers.dilated_depthwise import SplitDilatedConv2d

NAME = 'tf_efficientnet_lite0'


def _backbone(**kwargs):
    return MODELS.build(dict(type='FrozenTIMMBackbone', model_name=NAME, **kwargs))


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    torch.manual_seed(0)
    model = timm.create_model(NAME)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    path = tmp_path_factory.mktemp('weights') / 'lite0.pth'
    torch.save(model.state_dict(), path)
    return path, model.eval()


def test_loads_a_timm_checkpoint_and_equals_timm(checkpoint):
    path, model = checkpoint
    backbone = _backbone(
        out_indices=(2, 3, 4), output_stride=32,
        init_cfg=dict(type='Pretrained', checkpoint=str(path)))
    backbone.init_weights()
    backbone.eval()
    x = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        outs = backbone(x)
        expected = model.blocks[0:3](model.bn1(model.conv_stem(x)))
        torch.testing.assert_close(outs[0], expected)
        torch.testing.assert_close(outs[2], model.blocks[3:](expected))


def test_channels_last_gives_the_same_features(checkpoint):
    init_cfg = dict(type='Pretrained', checkpoint=str(checkpoint[0]))
    plain, last = (_backbone(out_indices=(2, 4), output_stride=16, channels_last=flag,
                             init_cfg=init_cfg) for flag in (False, True))
    x = torch.randn(2, 3, 64, 96)
    outs = []
    for backbone in (plain, last):
        backbone.init_weights()
        outs.append(backbone.eval()(x))
    stem = last.timm_model.conv_stem.weight
    assert stem.is_contiguous(memory_format=torch.channels_last) and not stem.is_contiguous()
    for ours, expected in zip(outs[1], outs[0]):
        torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-4)


def test_split_dilated_gives_the_same_features_and_gradients(checkpoint):
    init_cfg = dict(type='Pretrained', checkpoint=str(checkpoint[0]))
    plain, split = (_backbone(out_indices=(3, 4), output_stride=8, split_dilated=flag,
                              init_cfg=init_cfg) for flag in (False, True))
    x = torch.randn(2, 3, 72, 104).double()  # maps of 9 x 13
    outs = []
    for backbone in (plain, split):
        backbone.init_weights()
        feats = backbone.double().eval()(x)
        sum(feat.square().mean() for feat in feats).backward()
        outs.append([*feats, *(param.grad for param in backbone.parameters())])
    assert sum(type(m) is SplitDilatedConv2d for m in split.modules()) == 10
    assert list(plain.state_dict()) == list(split.state_dict())
    for ours, expected in zip(outs[1], outs[0]):
        torch.testing.assert_close(ours, expected)


def test_output_stride_and_channels():
    outs = _backbone(out_indices=(3, 4), output_stride=16)(torch.randn(2, 3, 64, 64))
    assert [tuple(out.shape) for out in outs] == [(2, 112, 4, 4), (2, 320, 4, 4)]


@pytest.mark.parametrize('index, blocks', [(2, 3), (3, 5), (4, 7)])
def test_blocks_behind_the_last_feature_are_dropped(index, blocks, checkpoint):
    backbone = _backbone(out_indices=(index, ),
                         init_cfg=dict(type='Pretrained', checkpoint=str(checkpoint[0])))
    assert len(backbone.timm_model.blocks) == blocks
    backbone.init_weights()  # what the file has more is no error
    outs = backbone(torch.randn(1, 3, 32, 32))
    assert len(outs) == 1


def test_frozen_stages_and_norm_eval():
    backbone = _backbone(frozen_stages=2).train()
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    sum(out.sum() for out in backbone(torch.randn(2, 3, 64, 64))).backward()
    for name, param in backbone.named_parameters():
        frozen = name.startswith(('timm_model.conv_stem', 'timm_model.bn1')) or any(
            name.startswith(f'timm_model.blocks.{i}.') for i in range(3))
        assert param.requires_grad is not frozen, name
        assert (param.grad is None) is frozen, name
    assert all(torch.equal(value, before[key])
               for key, value in backbone.state_dict().items())  # no running statistics moved
    assert not any(m.training for m in backbone.modules() if isinstance(m, torch.nn.BatchNorm2d))


def test_norm_in_training_when_asked():
    backbone = _backbone(norm_eval=False, frozen_stages=0).train()
    training = {name for name, m in backbone.named_modules()
                if isinstance(m, torch.nn.BatchNorm2d) and m.training}
    assert 'timm_model.bn1' in {n for n, _ in backbone.named_modules()}
    assert 'timm_model.bn1' not in training and training


def test_other_timm_families_freeze_too():
    backbone = MODELS.build(
        dict(type='FrozenTIMMBackbone', model_name='resnet18', frozen_stages=1))
    frozen = {name.split('.')[1] for name, p in backbone.named_parameters()
              if not p.requires_grad}
    assert frozen == {'conv1', 'bn1', 'layer1'}


def test_missing_file_names_the_converter(tmp_path):
    backbone = _backbone(
        init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'none.pth')))
    with pytest.raises(FileNotFoundError, match=r'none\.pth.*convert_efficientnet_lite\.py'):
        backbone.init_weights()


def test_foreign_checkpoint_is_an_error(tmp_path):
    path = tmp_path / 'other.pth'
    torch.save(dict(weight=torch.zeros(3)), path)
    backbone = _backbone(init_cfg=dict(type='Pretrained', checkpoint=str(path)))
    with pytest.raises(ValueError, match='does not fit'):
        backbone.init_weights()


def test_frozen_stage_must_be_a_feature():
    with pytest.raises(ValueError, match='frozen_stages=7'):
        _backbone(frozen_stages=7)
