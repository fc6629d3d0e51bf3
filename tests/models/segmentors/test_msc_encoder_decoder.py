"""MSCEncoderDecoder against a slow version: PIL labels, one loss a scale, one for the maximum."""
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.config import ConfigDict
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from PIL import Image

import mmwsss  # noqa: F401
from mmwsss.models.segmentors import shrink_labels

CLASSES = 5
BACKBONE = dict(
    type='ResNetV1c', depth=18, base_channels=4, stem_channels=8, num_stages=4, out_indices=(2, 3),
    strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4), norm_cfg=dict(type='BN'), norm_eval=True)
HEAD = dict(
    type='DeepLabV2Head', in_channels=32, channels=8, num_classes=CLASSES, dilations=(1, 2))
AUXILIARY = dict(
    type='FCNHead', in_channels=16, channels=4, in_index=0, num_convs=1, num_classes=CLASSES,
    dropout_ratio=0., norm_cfg=None, loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4))


def _model(scales=(1.0, 0.75, 0.5), head=HEAD, **kwargs):
    torch.manual_seed(0)
    test_cfg = ConfigDict(kwargs.pop('test_cfg', dict(mode='whole')))
    model = MODELS.build(
        dict(type='MSCEncoderDecoder', backbone=BACKBONE, decode_head=head, scales=scales,
             train_cfg=dict(), test_cfg=test_cfg, **kwargs))
    with torch.no_grad():  # logits of about 10, so that the scales differ in the loss
        for param in model.decode_head.parameters():
            param.normal_(0, 3)
    return model


def _batch(size=(65, 81), count=2):
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(count, 3, *size, generator=generator)
    samples = []
    for _ in range(count):
        labels = torch.randint(0, CLASSES, (1, *size), generator=generator)
        labels[:, :9] = 255
        samples.append(SegDataSample(
            metainfo=dict(img_shape=size, ori_shape=size, pad_shape=size,
                          padding_size=[0, 0, 0, 0], img_path='a.jpg'),
            gt_sem_seg=PixelData(data=labels)))
    return images, samples


def _pil_shrink(labels, size):
    images = [Image.fromarray(label[0].numpy().astype(np.uint8)) for label in labels]
    height, width = size
    return torch.stack([
        torch.from_numpy(np.array(image.resize((width, height), Image.NEAREST))).long()
        for image in images])


def _slow_logits(model, images):
    logits = []
    for scale in (1.0, 0.75, 0.5):
        scaled = images if scale == 1 else F.interpolate(
            images, scale_factor=scale, mode='bilinear', align_corners=False)
        logits.append(model.decode_head(model.backbone(scaled)))
    height, width = logits[0].shape[2:]
    stacked = torch.stack([F.interpolate(x, (height, width), mode='bilinear') for x in logits])
    return logits, stacked.max(dim=0).values


@pytest.mark.parametrize('source', [(321, 321), (320, 213), (97, 65), (7, 500)])
@pytest.mark.parametrize('size', [(41, 41), (31, 29), (21, 20), (7, 9), (5, 1)])
def test_labels_shrink_as_pil_does(source, size):
    labels = torch.from_numpy(np.random.RandomState(0).randint(0, 256, (1, *source)))
    ours, pils = shrink_labels(labels, size), _pil_shrink([labels], size)
    # A centre that falls between two pixels is rounded by chance in PIL: leave those out.
    rows, columns = [
        torch.tensor([(2 * i + 1) * old % (2 * new) != 0 for i in range(new)])
        for old, new in zip(source, size)]

    assert torch.equal(ours[:, rows][..., columns], pils[:, rows][..., columns])


def test_loss_is_the_sum_over_scales_and_maximum():
    model = _model().train()
    images, samples = _batch()
    losses = model.loss(images, samples)
    logits, fused = _slow_logits(model, images)
    expected = [
        F.cross_entropy(x, _pil_shrink([s.gt_sem_seg.data for s in samples], x.shape[2:]),
                        ignore_index=255) for x in logits + [fused]]
    names = ['decode', 'decode_x0.75', 'decode_x0.5', 'decode_max']
    for name, value in zip(names, expected):
        # mmseg's cross entropy averages over all pixels, ignored ones included
        labels_255 = _ignored_share(samples, logits, name)
        torch.testing.assert_close(losses[f'{name}.loss_ce'], value * (1 - labels_255))
    total, _ = model.parse_losses(losses)
    torch.testing.assert_close(total, sum(losses[f'{name}.loss_ce'] for name in names))


def _ignored_share(samples, logits, name):
    sizes = dict(zip(['decode', 'decode_x0.75', 'decode_x0.5'], [x.shape[2:] for x in logits]))
    size = sizes.get(name, logits[0].shape[2:])
    labels = _pil_shrink([s.gt_sem_seg.data for s in samples], size)
    return (labels == 255).float().mean()


def test_labels_of_the_samples_are_left_alone():
    images, samples = _batch()
    before = [sample.gt_sem_seg.data.clone() for sample in samples]
    _model().loss(images, samples)
    assert all(torch.equal(a, s.gt_sem_seg.data) for a, s in zip(before, samples))


def test_gradient_reaches_every_parameter():
    model = _model().train()
    images, samples = _batch()
    total, _ = model.parse_losses(model.loss(images, samples))
    total.backward()
    assert all(p.grad is not None for p in model.parameters())
    assert all(p.grad.abs().sum() > 0 for p in model.decode_head.parameters())


def test_auxiliary_head_has_the_usual_loss_at_scale_one():
    model = _model(auxiliary_head=AUXILIARY).train()
    images, samples = _batch()
    losses = model.loss(images, samples)
    expected = model.auxiliary_head.loss(model.backbone(images), samples, {})
    torch.testing.assert_close(losses['aux.loss_ce'], expected['loss_ce'])


def test_graph_head_has_its_coarse_loss_at_every_scale():
    head = dict(type='GRMHead', graph='voc', nodes='coarse', head=dict(HEAD, num_classes=21))
    model = _model(head=head).train()
    images, samples = _batch()
    losses = model.loss(images, samples)
    coarse = [key for key in losses if key.endswith('loss_coarse')]
    assert coarse == ['decode.loss_coarse', 'decode_x0.75.loss_coarse', 'decode_x0.5.loss_coarse']
    # each is made of the class map of its own scale
    for scale, key in zip((1.0, 0.75, 0.5), coarse):
        feats = model.backbone(F.interpolate(
            images, scale_factor=scale, mode='bilinear', align_corners=False))[-1]
        feats = model.decode_head.relu(sum(conv(feats) for conv in model.decode_head.aspp))
        _, logits = model.decode_head.grm.reason(feats)
        labels = _pil_shrink([s.gt_sem_seg.data for s in samples], logits.shape[2:])
        value = F.cross_entropy(logits, labels, ignore_index=255, reduction='sum')
        torch.testing.assert_close(losses[key], 0.4 * value / labels.numel())
    assert 'decode_max.loss_ce' in losses


def test_single_scale_is_encoder_decoder():
    images, samples = _batch()
    single = _model(scales=(1.0, )).train()
    plain = MODELS.build(
        dict(type='EncoderDecoder', backbone=BACKBONE, decode_head=HEAD, train_cfg=dict(),
             test_cfg=dict(mode='whole'))).train()
    plain.load_state_dict(single.state_dict())  # and the same keys
    a, b = single.loss(images, samples), plain.loss(images, samples)
    assert a.keys() == b.keys()
    assert torch.equal(a['decode.loss_ce'], b['decode.loss_ce'])
    single.eval(), plain.eval()
    assert torch.equal(single(images), plain(images))


def test_whole_prediction_is_the_maximum():
    model = _model().eval()
    images, samples = _batch()
    with torch.no_grad():
        _, fused = _slow_logits(model, images)
        torch.testing.assert_close(model(images), fused)
        results = model.predict(images, samples)
    expected = F.interpolate(fused, images.shape[2:], mode='bilinear')
    for result, logits in zip(results, expected):
        torch.testing.assert_close(result.seg_logits.data, logits)
        assert torch.equal(result.pred_sem_seg.data[0], logits.argmax(0))


def test_slide_prediction_fuses_in_each_window():
    model = _model(test_cfg=dict(mode='slide', crop_size=(65, 65), stride=(65, 40))).eval()
    images, samples = _batch((65, 105), 1)
    with torch.no_grad():
        result = model.predict(images, samples)[0].seg_logits.data
        windows = [F.interpolate(_slow_logits(model, images[..., x:x + 65])[1], (65, 65),
                                 mode='bilinear')[0] for x in (0, 40)]
    torch.testing.assert_close(result[..., :40], windows[0][..., :40])
    torch.testing.assert_close(result[..., 65:], windows[1][..., 25:])
    torch.testing.assert_close(
        result[..., 40:65], (windows[0][..., 40:] + windows[1][..., :25]) / 2)


def test_test_time_augmentation():
    model = _model(data_preprocessor=dict(type='mmseg.SegDataPreProcessor')).eval()
    tta = MODELS.build(dict(type='SegTTAModel', module=model))
    images, samples = _batch(count=1)
    flipped = SegDataSample(metainfo={**samples[0].metainfo, 'flip': True,
                                      'flip_direction': 'horizontal'})
    data = dict(inputs=[[images[0]], [images[0].flip(-1)]],
                data_samples=[[SegDataSample(metainfo=samples[0].metainfo)], [flipped]])
    with torch.no_grad():
        result = tta.test_step(data)[0]
        one = model.predict(images, [samples[0]])[0].seg_logits.data
        two = model.predict(images.flip(-1), [samples[0]])[0].seg_logits.data.flip(-1)
    expected = (one.softmax(0) + two.softmax(0)).argmax(0)
    assert (result.pred_sem_seg.data[0] == expected).float().mean() > 0.999


def test_head_with_several_outputs_is_refused():
    model = _model().train()
    model.decode_head.forward = lambda feats: (feats[0], feats[1])
    with pytest.raises(TypeError, match='DeepLabV2Head returned a tuple'):
        model.loss(*_batch())


@pytest.mark.parametrize('scales', [(), (0.5, 1.0), (1.0, -1), (1.0, 0.5, 0.5)])
def test_bad_scales(scales):
    with pytest.raises(ValueError, match='scales'):
        _model(scales=scales)


def test_head_without_plain_logits_is_refused():
    head = dict(type='OCRHead', in_channels=32, channels=8, ocr_channels=4, num_classes=CLASSES)
    with pytest.raises(ValueError, match='OCRHead'):
        _model(head=head)
