"""The CRF in the test loop against dense_crf called by hand."""
import mmcv
import numpy as np
import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmengine.registry import MODELS, DefaultScope
from PIL import Image

import mmwsss  # noqa: F401
from mmwsss.labels import (
    CRF_PRESETS,
    PixelAdaptiveSettings,
    dense_crf,
    pixel_adaptive_refine,
)
from mmwsss.models.segmentors import SegCRFModel, use_crf
from tests.engine import tiny, tiny_model  # noqa: F401

H, W = 20, 24


@pytest.fixture
def image_path(tmp_path):
    return tiny.make_data(tmp_path, count=1) / 'JPEGImages/im_0.jpg'


@pytest.fixture(autouse=True)
def scope():
    DefaultScope.get_instance('crf', scope_name='mmseg')


def segmentor(type_='EncoderDecoder', channels=4, **head):
    return ConfigDict(
        type=type_,
        data_preprocessor=dict(type='SegDataPreProcessor', mean=[128.] * 3, std=[64.] * 3,
                               bgr_to_rgb=True, size=(16, 16), test_cfg=dict(size_divisor=16)),
        backbone=dict(type='TwoConvs'),
        decode_head=dict(
            type='FCNHead', in_channels=8, channels=8, num_convs=1, concat_input=False,
            num_classes=max(channels, 2), out_channels=channels, norm_cfg=None,
            align_corners=False, **head),
        test_cfg=dict(mode='whole'))


def batch(path, copies=1):
    """Images at another size than the original, as Resize leaves them."""
    from mmseg.structures import SegDataSample
    image = np.array(Image.open(path))[..., ::-1]
    inputs = torch.from_numpy(image.copy()).permute(2, 0, 1)[:, :16, :16]
    meta = dict(img_path=str(path), ori_shape=(H, W), img_shape=(16, 16))
    return dict(inputs=[inputs] * copies,
                data_samples=[SegDataSample(metainfo=meta) for _ in range(copies)])


def built(model, **kwargs):
    crf = MODELS.build(dict(type='SegCRFModel', module=model, **kwargs)).eval()
    for p in crf.parameters():
        torch.nn.init.normal_(p, std=0.5)
    return crf


def balanced(model, path):
    """Logits of mean 0 and standard deviation 1 each, so that every class is somewhere likely."""
    logits, last = logits_of(model, path), model.module.decode_head.conv_seg
    mean, std = logits.mean(dim=(1, 2)), logits.std(dim=(1, 2))
    with torch.no_grad():
        last.bias.copy_((last.bias - mean) / std)
        last.weight.div_(std[:, None, None, None])
    return model


def pixels(path):
    return mmcv.imread(str(path))


def logits_of(model, path):
    return model.module.test_step(batch(path))[0].seg_logits.data.detach()


@pytest.mark.parametrize('type_', ['EncoderDecoder', 'MSCEncoderDecoder'])
@pytest.mark.parametrize('preset', ['deeplab', 'irn'])
def test_equals_the_crf_on_the_softmax_of_the_logits(image_path, type_, preset):
    model = balanced(built(segmentor(type_), crf=preset, min_probability=0), image_path)
    results = model.test_step(batch(image_path, copies=2))
    logits = logits_of(model, image_path)
    wanted = dense_crf(pixels(image_path), logits.softmax(dim=0), preset, min_probability=0)
    wanted = wanted.argmax(dim=0, keepdim=True)
    assert not torch.equal(wanted, logits.argmax(dim=0, keepdim=True))
    for result in results:
        assert torch.equal(result.pred_sem_seg.data, wanted)
        assert 'seg_logits' not in result


def test_leaving_out_improbable_classes_changes_next_to_nothing():
    """81 classes of which 4 are in the image: at most 0.1 % of labels, and 0.01 a probability."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (12, 16, 3)).repeat(5, 0).repeat(5, 1).astype(np.uint8)
    logits = torch.randn(1, 81, 6, 8) * 2 - 9
    logits[:, :4] += 9
    logits = torch.nn.functional.interpolate(logits, size=image.shape[:2], mode='bilinear')[0]
    p = logits.softmax(dim=0)
    few, every = (dense_crf(image, p, 'deeplab', min_probability=m) for m in (0.01, 0))
    assert (few.flatten(1).amax(dim=1) > 0).sum() < 20
    assert (few.argmax(0) == every.argmax(0)).float().mean() >= 0.999
    assert (few - every).abs().mean() < 1e-3 / 81 and (few - every).abs().max() < 0.05


def test_augmented_predictions_are_averaged_before_the_crf(image_path):
    model = balanced(built(segmentor(), min_probability=0), image_path)
    plain, brighter = batch(image_path), batch(image_path)
    brighter['inputs'] = [inputs // 2 for inputs in brighter['inputs']]
    data = {key: [plain[key], brighter[key]] for key in plain}
    result = model.test_step(data)[0]
    p = [model.module.test_step(dict(inputs=inputs, data_samples=batch(image_path)['data_samples'])
                                )[0].seg_logits.data.softmax(dim=0) for inputs in data['inputs']]
    wanted = dense_crf(pixels(image_path), sum(p).detach() / 2, 'deeplab', min_probability=0)
    assert torch.equal(result.pred_sem_seg.data[0], wanted.argmax(dim=0))


def test_one_output_channel(image_path):
    model = built(segmentor(channels=1, threshold=0.4))
    foreground = logits_of(model, image_path)  # mmseg has applied the sigmoid
    assert 0 <= foreground.min() < foreground.max() <= 1
    refined = dense_crf(pixels(image_path), torch.cat([1 - foreground, foreground]), 'deeplab')
    labels = model.test_step(batch(image_path))[0].pred_sem_seg.data
    assert labels.shape == (1, H, W) and torch.equal(labels[0] > 0, refined[1] > 0.4)


def test_pixel_adaptive_and_changed_parameters(image_path):
    model = built(segmentor(), crf=dict(preset='pixel_adaptive', iterations=2), min_probability=0)
    balanced(model, image_path)
    p = logits_of(model, image_path).softmax(dim=0)
    wanted = pixel_adaptive_refine(pixels(image_path), p, PixelAdaptiveSettings(iterations=2),
                                   min_probability=0)
    assert torch.equal(model.test_step(batch(image_path))[0].pred_sem_seg.data[0],
                       wanted.argmax(dim=0))
    model = SegCRFModel(segmentor(), crf=dict(iterations=2, bilateral_rgb=9.))
    assert model.refiner.crf.iterations == 2
    assert model.refiner.crf.gaussian_xy == CRF_PRESETS['deeplab'].gaussian_xy


def test_probabilities_are_refused_unless_named(image_path):
    class Fixed(torch.nn.Module):
        def test_step(self, data):
            from mmengine.structures import PixelData
            sample = data['data_samples'][0]
            sample.seg_logits = PixelData(data=scores.clone())
            return [sample]

    scores = torch.rand(3, H, W)
    with pytest.raises(ValueError, match=r"im_0.jpg: no value of seg_logits .*scores='prob"):
        SegCRFModel(Fixed()).test_step(batch(image_path))
    got = SegCRFModel(Fixed(), scores='probabilities').test_step(batch(image_path))[0]
    wanted = dense_crf(pixels(image_path), scores / scores.sum(dim=0), 'deeplab')
    assert torch.equal(got.pred_sem_seg.data[0], wanted.argmax(dim=0))
    scores = -scores
    with pytest.raises(ValueError, match='must not be negative'):
        SegCRFModel(Fixed(), scores='probabilities').test_step(batch(image_path))
    scores = torch.randn(3, H + 1, W)
    with pytest.raises(ValueError, match=r'im_0.jpg: image is \(20, 24\)'):
        SegCRFModel(Fixed()).test_step(batch(image_path))
    scores = torch.full((3, H, W), float('nan'))
    with pytest.raises(ValueError, match='finite'):
        SegCRFModel(Fixed()).test_step(batch(image_path))


@pytest.mark.parametrize('kwargs, message', [
    (dict(scores='softmax'), "scores='softmax' is unknown"),
    (dict(min_probability=1), r'must lie in \[0, 1\)'),
    (dict(crf='voc'), "no CRF preset 'voc'"),
    (dict(crf=dict(backend='c')), "no CRF backend 'c'"),
])
def test_bad_settings(kwargs, message):
    with pytest.raises(ValueError, match=message):
        SegCRFModel(segmentor(), **kwargs)


def test_use_crf_wraps_a_config(image_path):
    loader = dict(type='LoadImageFromFile', imdecode_backend='pillow')
    cfg = Config(dict(
        model=segmentor(), crf_model=dict(crf=dict(iterations=3), min_probability=0.02),
        test_dataloader=dict(dataset=dict(pipeline=[loader, dict(type='PackSegInputs')]))))
    use_crf(cfg, dict(backend='pydensecrf2'), dict(scores='logits'))
    assert cfg.model.crf == dict(iterations=3, backend='pydensecrf2')
    assert cfg.model.image_loader == loader and cfg.model.min_probability == 0.02
    assert MODELS.build(cfg.model).refiner.crf.bilateral_xy == 67

    cfg = Config(dict(model=dict(type='SegTTAModel', module=segmentor())))
    use_crf(cfg, dict(preset='irn'))
    assert cfg.model.type == 'SegCRFModel' and cfg.model.module.type == 'EncoderDecoder'
    cfg = Config(dict(model=dict(type='OwnTTA', module=segmentor())))
    with pytest.raises(ValueError, match='tta_model is OwnTTA'):
        use_crf(cfg)
