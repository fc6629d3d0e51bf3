import pytest
import torch
from mmengine.registry import MODELS, init_default_scope
from mmpretrain.structures import DataSample
from torch import nn
from torch.nn import functional as F

from mmwsss.models.classifiers import CAMClassifier
from mmwsss.models.classifiers.multi_scale_cams import (
    covered_size,
    output_stride,
    scaled_size,
    sum_over_scales,
)


def build(head=None, backbone=None, **kwargs):
    """A classifier on a ResNet-18 of output stride 16 with few channels."""
    backbone = backbone or dict(
        type='mmpretrain.ResNet', depth=18, base_channels=4, stem_channels=4,
        strides=(1, 2, 2, 1), norm_eval=True, frozen_stages=0)
    head = dict(dict(type='CAMHead', num_classes=3, in_channels=32), **(head or {}))
    kwargs.setdefault('data_preprocessor', dict(
        type='ClsDataPreprocessor', mean=[120.] * 3, std=[60.] * 3, to_rgb=True))
    model = MODELS.build(dict(type='CAMClassifier', backbone=backbone, head=head, **kwargs))
    return model.eval()


def sample(*classes):
    score = torch.zeros(3)
    score[list(classes)] = 1
    return DataSample().set_gt_score(score)


def images(*sizes):
    return [torch.randint(0, 256, (3, *size), dtype=torch.uint8) for size in sizes]


def slow_maps(model, image, scales, flip, stride=4):
    """The published way: one scale and one mirroring after the other, on one image."""
    height, width = image.shape[-2:]
    total = 0
    for scale in scales:
        size = (round(height * scale), round(width * scale))
        scaled = image if scale == 1 else F.interpolate(
            image, size, mode='bicubic', antialias=True)
        cam = model.head.classifier(model.backbone(scaled)[-1]).relu()
        if flip:
            mirrored = model.head.classifier(model.backbone(scaled.flip(-1))[-1]).relu()
            cam = cam + mirrored.flip(-1)
        up16 = (((height - 1) // 16 + 1) * 16 // stride, ((width - 1) // 16 + 1) * 16 // stride)
        total = total + F.interpolate(cam, up16, mode='bilinear', align_corners=False)
    return total[..., :(height - 1) // stride + 1, :(width - 1) // stride + 1]


@pytest.mark.parametrize('flip', [True, False])
@pytest.mark.parametrize('scales', [(1.0, 0.5, 1.5), (0.75, ), (1.0, )])
def test_maps_equal_the_slow_way(scales, flip):
    model = build(test_cam=dict(scales=scales, flip=flip))
    inputs = images((50, 66))
    out, = model.test_step(dict(inputs=inputs, data_samples=[sample(0, 2)]))
    normalized = (inputs[0].flip(0)[None].float() - 120) / 60
    with torch.no_grad():
        maps, full = (slow_maps(model, normalized, scales, flip, stride)[0] for stride in (4, 1))
        scores = model(normalized).sigmoid()[0]
    assert out.activations.shape == (2, 13, 17)
    assert out.activation_classes.tolist() == [0, 2]
    assert full.shape == (3, 50, 66)
    for mine, expected, whole in zip(out.activations, maps[[0, 2]], full[[0, 2]]):
        torch.testing.assert_close(mine, (expected / (whole.max() + 1e-5)).clamp(max=1))
    torch.testing.assert_close(out.pred_score, scores)


def test_a_cpu_sees_one_view_after_the_other():
    model = build(test_cam=dict(scales=(1.0, 0.5)))
    seen = []
    model.backbone.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape))
    model.test_step(dict(inputs=images((32, 48), (32, 48)), data_samples=[sample(0), sample(1)]))
    assert seen == [(1, 3, 32, 48)] * 4 + [(1, 3, 16, 24)] * 4


def test_images_of_several_shapes_in_a_batch():
    """The same as one by one, in the order of the batch, without padding."""
    model = build(test_cam=dict(scales=(1.0, 0.5)))
    inputs = images((48, 64), (64, 48), (48, 64), (33, 80))
    labels = [(0, ), (1, 2), (), (2, )]
    batch = dict(inputs=inputs, data_samples=[sample(*c) for c in labels])
    together = model.test_step(batch)
    for image, classes, out in zip(inputs, labels, together):
        alone, = model.test_step(dict(inputs=[image], data_samples=[sample(*classes)]))
        assert out.activation_classes.tolist() == list(classes)
        torch.testing.assert_close(out.activations, alone.activations)
        torch.testing.assert_close(out.pred_score, alone.pred_score)
    assert together[2].activations.shape == (0, 12, 16)


def test_stacked_batch_and_no_labels():
    model = build(test_cam=dict(scales=(1.0, ), classes='predicted'), head=dict(thr=0.0))
    out = model.test_step(dict(inputs=torch.stack(images((32, 32), (32, 32)))))
    assert [s.activations.shape for s in out] == [(3, 8, 8)] * 2
    assert 0 <= float(out[0].activations.min()) <= float(out[0].activations.max()) < 1


def test_val_and_test_have_their_own_settings():
    model = build(val_cam=dict(scales=(1.0, ), flip=False, stride=8))
    inputs = images((32, 48))
    val, = model.val_step(dict(inputs=inputs, data_samples=[sample(1)]))
    test, = model.test_step(dict(inputs=inputs, data_samples=[sample(1)]))
    assert val.activations.shape == (1, 4, 6)
    assert 'activations' not in test and 'pred_score' in test


def test_cams_are_without_gradient_and_one_product():
    model = build()
    features = torch.randn(2, 32, 4, 5, requires_grad=True)
    cams = model.cams(features)
    assert not cams.requires_grad
    weight = model.head.classifier.weight[:, :, 0, 0]
    expected = (weight @ features.flatten(2)).relu().reshape(2, 3, 4, 5)
    torch.testing.assert_close(cams, expected)
    torch.testing.assert_close(model.cams((None, features)), expected)


@pytest.mark.parametrize('head', [
    dict(), dict(pooling='lse'), dict(type='ReCAMHead'),
    dict(type='GCNClsHead', classes=['cat', 'dog', 'cow'], hidden_channels=4)])
def test_training_step(head):
    model = build(head=head)
    model.train()
    data = dict(inputs=images((32, 32), (32, 32)), data_samples=[sample(0), sample(1, 2)])
    data = model.data_preprocessor(data, True)
    losses = model(**data, mode='loss')
    total, _ = model.parse_losses(losses)
    total.backward()
    lacking = [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert not lacking


def test_published_backbone_has_stride_16_and_frozen_statistics():
    model = build()
    model.train()
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    assert not any(norm.training for norm in norms)
    stem = model.backbone.norm1
    assert not stem.weight.requires_grad and not model.backbone.conv1.weight.requires_grad
    assert all(n.weight.requires_grad for n in norms if n is not stem)
    assert model.extract_feat(torch.zeros(1, 3, 64, 96))[-1].shape == (1, 32, 4, 6)


def test_timm_backbones():
    for backbone, channels in ((dict(type='FrozenTIMMBackbone', model_name='tf_efficientnet_lite0',
                                     out_indices=(4, )), 320),
                               (dict(type='mmpretrain.TIMMBackbone', model_name='resnet18',
                                     features_only=True, output_stride=16), 512)):
        model = build(backbone=backbone, head=dict(in_channels=channels))
        assert model.extract_feat(torch.zeros(1, 3, 64, 64))[-1].shape == (1, channels, 4, 4)
        assert model(torch.zeros(1, 3, 64, 64)).shape == (1, 3)


class AveragingBackbone(nn.Module):
    """Means of cells of ``cell`` pixels, beyond the border too, or only whole ones."""

    def __init__(self, cell, ceil):
        super().__init__()
        self.pool = nn.AvgPool2d(cell, ceil_mode=ceil, count_include_pad=False)

    def forward(self, x):
        return self.pool(x)


@pytest.mark.parametrize('cell', [4, 8, 16, 32])
@pytest.mark.parametrize('ceil', [True, False])
@pytest.mark.parametrize('scale', [1.0, 0.5, 1.5])
def test_maps_lie_where_the_image_is_at_any_output_stride(cell, ceil, scale):
    """Of a ramp over the image, the maps are that ramp again."""
    model = build(head=dict(num_classes=1, in_channels=3), data_preprocessor=dict(
        mean=[0.] * 3, std=[1.] * 3))
    model.backbone = AveragingBackbone(cell, ceil)
    nn.init.ones_(model.head.classifier.weight)
    height, width = 200, 296
    ramp = torch.arange(width).float().expand(1, 3, height, width)
    maps, _ = model.multi_scale_cams(ramp, scales=(scale, ), flip=False, stride=4)
    assert maps.shape == (1, 1, 50, 74)
    expected = 3 * (torch.arange(74) * 4 + 1.5)
    inside = slice(32 // 4, -64 // 4)  # cells at the border hold other means
    difference = (maps[0, 0, 20] - expected)[inside].abs().max() / 3
    # Where the scaled size is no multiple of the cell, the published way stretches by the rest.
    assert difference <= (0.5 if scale == 1 else cell / scale)


def test_output_stride_is_measured():
    for size, cells, stride in (((375, 500), (24, 32), 16), ((375, 500), (11, 15), 32),
                                ((375, 500), (47, 63), 8), ((20, 20), (2, 2), 16),
                                ((33, 47), (3, 3), 16), ((12, 9), (1, 1), 16),
                                ((375, 500), (26, 35), 14), ((375, 500), (27, 36), 14),
                                ((375, 500), (31, 41), 12), ((375, 500), (32, 42), 12),
                                ((375, 500), (15, 20), 24), ((375, 500), (16, 21), 24),
                                ((518, 518), (37, 37), 14), ((375, 500), (8, 13), 32)):
        assert output_stride(size, cells) == stride
    assert covered_size((375, 500), (375, 500), (24, 32), 4) == (96, 128)
    assert covered_size((375, 500), (375, 500), (11, 15), 4) == (88, 120)
    assert covered_size((375, 500), (375, 500), (27, 36), 4) == (94.5, 126)


@pytest.mark.parametrize('cell', [12, 14, 24])
@pytest.mark.parametrize('ceil', [True, False])
@pytest.mark.parametrize('scales', [(1.0, ), (0.5, ), (1.0, 0.5, 1.5, 2.0)])
@pytest.mark.parametrize('stride', [4, 1])
def test_maps_of_cells_that_are_no_power_of_2_are_not_stretched(cell, ceil, scales, stride):
    """As of patches of 14 pixels: of a ramp over the image, the maps are that ramp again."""
    model = build(head=dict(num_classes=1, in_channels=3), data_preprocessor=dict(
        mean=[0.] * 3, std=[1.] * 3))
    model.backbone = AveragingBackbone(cell, ceil)
    nn.init.ones_(model.head.classifier.weight)
    height, width = 375, 500
    for axis, ramp in enumerate((torch.arange(height)[:, None], torch.arange(width))):
        ramp = ramp.float().expand(1, 3, height, width)
        maps, _ = model.multi_scale_cams(ramp, scales=scales, flip=False, stride=stride)
        line = maps[0, 0].moveaxis(axis, 0)[:, 20] / 3 / len(scales)
        expected = torch.arange(len(line)) * stride + (stride - 1) / 2
        # Cells at the border hold other means, of twice as many pixels of the image at 0.5.
        inside = slice(64 // stride, -96 // stride)
        assert (line - expected)[inside].abs().max() < 0.5


def test_scales_of_an_image_have_one_output_stride():
    """At half its size 7 x 10 cells are those of 16 pixels too; at full size they are not."""
    full, half = (200, 296), (100, 148)
    assert output_stride(half, (7, 10)) == 16
    assert output_stride((*full, *half), (14, 21, 7, 10)) == 14
    maps = [torch.ones(1, 1, 14, 21), torch.arange(10.).expand(1, 1, 7, 10)]
    summed = sum_over_scales(maps, (1.0, 0.5), full, 4)
    # The 10 columns cover 140 of 148 pixels, thus 70 of 74 columns.
    torch.testing.assert_close(summed[0, 0, 0, 31:39], 1 + (torch.arange(31, 39) + 0.5) / 7 - 0.5)


@pytest.mark.parametrize('cell', [8, 16, 32])
@pytest.mark.parametrize('size', [(375, 500), (333, 500), (281, 500), (96, 101), (480, 640)])
def test_areas_of_published_trunks_are_those_of_the_published_code(cell, size):
    """Networks that round up, at a power of 2: whole numbers, whatever else fits."""
    scales = (1.0, 0.5, 1.5, 2.0, 0.75)
    seen = [scaled_size(size, scale) for scale in scales]
    cells = [[-(-length // cell) for length in lengths] for lengths in seen]
    found = output_stride(sum(seen, []), sum(cells, []))
    assert found == cell
    for lengths, counts in zip(seen, cells):
        area = covered_size(size, lengths, counts, 4, found)
        assert area == tuple(((length - 1) // cell + 1) * cell // 4 for length in size)
        assert area == covered_size(size, lengths, counts, 4)


@pytest.mark.parametrize('backbone, channels', [
    (dict(type='ConvNeXt', arch=dict(depths=[1] * 4, channels=[4, 4, 8, 8]), out_indices=(3, ),
          gap_before_final_norm=False), 8),
    (dict(type='VisionTransformer', img_size=64, patch_size=16, out_type='featmap', arch=dict(
        embed_dims=8, num_layers=1, num_heads=2, feedforward_channels=8)), 8),
    (dict(type='VisionTransformer', img_size=56, patch_size=14, out_type='featmap', arch=dict(
        embed_dims=8, num_layers=1, num_heads=2, feedforward_channels=8)), 8),
    (dict(type='SwinTransformer', out_indices=(3, ), pad_small_map=True, arch=dict(
        embed_dims=4, depths=[1] * 4, num_heads=[1] * 4)), 32)])
def test_backbones_of_other_kinds_give_maps(backbone, channels):
    init_default_scope('mmpretrain')
    model = build(backbone=backbone, head=dict(in_channels=channels),
                  test_cam=dict(scales=(1.0, 0.5)))
    out, = model.test_step(dict(inputs=images((75, 101)), data_samples=[sample(0, 2)]))
    assert out.activations.shape == (2, 19, 26)
    assert 0 <= float(out.activations.min()) <= float(out.activations.max()) <= 1


@pytest.mark.parametrize('cam, message', [
    (dict(scales=()), 'scales'),
    (dict(scales=(1, 0)), 'scales'),
    (dict(stride=0), 'stride'),
    (dict(stride=3), 'stride'),
    (dict(classes='all'), 'classes'),
])
def test_bad_settings(cam, message):
    with pytest.raises(ValueError, match=message):
        build(test_cam=cam)


def test_padding_and_heads_without_maps_are_refused():
    with pytest.raises(ValueError, match='pad_size_divisor'):
        build(test_cam=dict(), data_preprocessor=dict(pad_size_divisor=32))
    with pytest.raises(ValueError, match='LinearClsHead'):
        CAMClassifier(
            backbone=dict(type='ResNet', depth=18),
            head=dict(type='LinearClsHead', num_classes=3, in_channels=512))
