"""The edge branch against IRN's layers written out, and what it finds out about backbones."""
import copy
import pickle

import pytest
import torch
from mmengine.registry import MODELS, init_default_scope
from torch import nn

from mmwsss.models.affinity import EdgeBranch
from mmwsss.models.affinity.edge_branch import map_size, probe_stages, stage_features

RESNET = dict(type='ResNet', depth=18, stem_channels=4, base_channels=4,
              out_indices=(0, 1, 2, 3), strides=(1, 2, 2, 1), dilations=(1, 1, 1, 1))


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmseg')


def test_equals_irn_s_layers():
    """Convolution, GroupNorm, enlarging, ReLU a stage; one convolution on all of them."""
    branch = EdgeBranch([6, 8, 10, 12, 14], [4, 4, 8, 16, 16])
    features = [torch.randn(2, c, 64 // s, 96 // s)
                for c, s in zip([6, 8, 10, 12, 14], [4, 4, 8, 16, 16])]
    maps = []
    for feature, side, factor in zip(features, branch.sides, [1, 1, 2, 4, 4]):
        layers = nn.Sequential(
            nn.Conv2d(feature.shape[1], 32, 1, bias=False), nn.GroupNorm(4, 32),
            nn.Upsample(scale_factor=factor, mode='bilinear', align_corners=False), nn.ReLU())
        layers[0].load_state_dict(side[0].state_dict())
        layers[1].load_state_dict(side[1].state_dict())
        maps.append(layers(feature))
    expected = nn.functional.conv2d(torch.cat(maps, 1), branch.fuse.weight, branch.fuse.bias)
    torch.testing.assert_close(branch(features, (64, 96)), expected[:, 0])
    assert branch.fuse.in_channels == 160


@pytest.mark.parametrize('size', [(64, 64), (61, 47), (66, 35), (17, 3)])
def test_one_value_for_each_four_pixels_of_any_image(size):
    strides = [2, 4, 8, 16]
    branch = EdgeBranch([4] * 4, strides)
    features = [torch.randn(1, 4, *(-(-length // s) for length in size)) for s in strides]
    assert branch(features, size).shape == (1, *map_size(size))
    assert map_size(size) == ((size[0] - 1) // 4 + 1, (size[1] - 1) // 4 + 1)


def test_a_finer_stage_is_averaged():
    branch = EdgeBranch([4], [2], channels=4, groups=4)
    feature = torch.rand(1, 4, 6, 6)
    normed = branch.sides[0](feature)
    blocks = normed.reshape(1, 4, 3, 2, 3, 2).mean((3, 5)).relu()
    torch.testing.assert_close(branch([feature], (12, 12)), branch.fuse(blocks)[:, 0])


def test_channels_and_strides_are_found_out():
    resnet = MODELS.build(RESNET)
    assert probe_stages(resnet) == ([4, 8, 16, 32], [4, 8, 16, 16])
    assert probe_stages(resnet, 'maxpool') == ([4, 4, 8, 16, 32], [4, 4, 8, 16, 16])
    assert resnet.training
    lite = MODELS.build(dict(type='FrozenTIMMBackbone', model_name='tf_efficientnet_lite0',
                             out_indices=(0, 1, 2, 3, 4)))
    assert probe_stages(lite) == ([16, 24, 40, 112, 320], [2, 4, 8, 16, 16])
    swin = MODELS.build(dict(type='mmpretrain.SwinTransformer', out_indices=(0, 1), arch=dict(
        embed_dims=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 1, 1]), window_size=4, img_size=64))
    assert probe_stages(swin) == ([8, 16], [4, 8])


def test_the_stem_comes_first_and_leaves_no_hook():
    resnet = MODELS.build(RESNET)
    resnet.eval()
    images = torch.randn(1, 3, 32, 32)
    stem, *rest = stage_features(resnet, images, 'maxpool')
    expected = resnet.maxpool(resnet.relu(resnet.norm1(resnet.conv1(images))))
    torch.testing.assert_close(stem, expected)
    assert len(rest) == 4 and not resnet.maxpool._forward_hooks
    pickle.dumps(copy.deepcopy(resnet))


def test_a_failing_backbone_leaves_no_hook():
    resnet = MODELS.build(RESNET)
    with pytest.raises(RuntimeError):
        stage_features(resnet, torch.zeros(1, 1, 8, 8), 'maxpool')
    assert not resnet.maxpool._forward_hooks


def test_bad_stages():
    with pytest.raises(ValueError, match=r"stem='pool' is no module of ResNet.*maxpool"):
        probe_stages(MODELS.build(RESNET), 'pool')
    with pytest.raises(ValueError, match='maps of whole strides'):
        probe_stages(nn.Sequential(nn.Conv2d(3, 4, 7)))
    with pytest.raises(ValueError, match='multiples or divisors of 4'):
        EdgeBranch([4], [6])
    with pytest.raises(ValueError, match='channels and stride of each stage'):
        EdgeBranch([4, 4], [4])
