"""Maps from a segmentor's predictions, and labels from them, against a pixel at a time by hand."""
import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config, ConfigDict
from mmengine.registry import MODELS, DefaultScope
from mmengine.runner import Runner
from mmpretrain.structures import DataSample
from PIL import Image

import mmwsss  # noqa: F401
from mmwsss.datasets.image_labels import ImageLabels
from mmwsss.engine import PreflightError, launch
from mmwsss.labels import LabelStore
from mmwsss.models.map_settings import segmentor_settings
from tests import processes
from tests.engine import tiny_model  # noqa: F401

H, W = 20, 28
CLASSES = ['cat', 'dog', 'cow']


@pytest.fixture(autouse=True)
def scope():
    DefaultScope.get_instance('segmentor_maps', scope_name='mmseg')


def segmentor(num_classes=4):
    return ConfigDict(
        type='EncoderDecoder',
        data_preprocessor=dict(type='SegDataPreProcessor', mean=[128.] * 3, std=[64.] * 3,
                               bgr_to_rgb=True, size=(16, 16), test_cfg=dict(size_divisor=16)),
        backbone=dict(type='TwoConvs'),
        decode_head=dict(
            type='FCNHead', in_channels=8, channels=8, num_convs=1, concat_input=False,
            num_classes=num_classes, norm_cfg=None, align_corners=False),
        test_cfg=dict(mode='whole'))


def maps_model(**options):
    torch.manual_seed(0)
    model = MODELS.build(dict(type='SegmentorMaps', module=segmentor(), **options)).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return model


def an_image(seed=0):
    return np.random.RandomState(seed).randint(0, 256, (H, W, 3)).astype(np.uint8)


def sample_of(classes):
    return DataSample(metainfo=dict(img_path='a.png', image_id='a', ori_shape=(H, W))
                      ).set_gt_label(torch.tensor(classes, dtype=torch.long))


def by_hand(model, image_bgr):
    """Class probabilities (C, H, W) of one view at its own size: pad, network, enlarge, cut."""
    rgb = torch.from_numpy(image_bgr[..., ::-1].copy()).permute(2, 0, 1).float()
    x = F.pad((rgb - 128) / 64, (0, 32 - W, 0, 32 - H))[None]
    logits = model.module.decode_head(model.module.backbone(x))
    logits = F.interpolate(logits, size=(32, 32), mode='bilinear', align_corners=False)
    return logits[0, :, :H, :W].softmax(0)


def test_maps_are_probabilities_among_background_and_the_images_classes():
    model, image = maps_model(), an_image()
    sample, = model.test_step(dict(inputs=[torch.from_numpy(image).permute(2, 0, 1)],
                                   data_samples=[sample_of([0, 2])]))
    with torch.no_grad():
        expected = (by_hand(model, image) + by_hand(model, image[:, ::-1]).flip(-1)) / 2
    assert sample.activation_classes.tolist() == [0, 2]
    assert sample.activations.shape == (2, H, W)
    for place, channel in enumerate([1, 3]):
        for y in range(0, H, 3):
            for x in range(0, W, 3):
                others = sum(float(expected[c, y, x]) for c in (0, 1, 3))
                share = float(expected[channel, y, x]) / others
                assert abs(float(sample.activations[place, y, x]) - share) < 1e-5


def test_scales_without_mirror():
    import mmcv
    model, image = maps_model(scales=(1, 0.5), flip=False), an_image(1)
    sample, = model.test_step(dict(inputs=[torch.from_numpy(image).permute(2, 0, 1)],
                                   data_samples=[sample_of([1])]))
    half = torch.from_numpy(mmcv.imrescale(image, 0.5)[..., ::-1].copy()).permute(2, 0, 1).float()
    with torch.no_grad():
        x = F.pad((half - 128) / 64, (0, 16 - W // 2, 0, 16 - H // 2))[None]
        logits = F.interpolate(model.module.decode_head(model.module.backbone(x)), size=(16, 16),
                               mode='bilinear', align_corners=False)
        logits = F.interpolate(logits[:, :, :H // 2, :W // 2], size=(H, W), mode='bilinear',
                               align_corners=False)
        both = (by_hand(model, image) + logits[0].softmax(0)) / 2
    expected = both[2] / (both[2] + both[0])
    torch.testing.assert_close(sample.activations[0], expected, atol=1e-5, rtol=0)


def test_an_image_without_classes_has_no_maps():
    sample, = maps_model().test_step(dict(
        inputs=[torch.from_numpy(an_image()).permute(2, 0, 1)], data_samples=[sample_of([])]))
    assert sample.activations.shape == (0, H, W)


@pytest.mark.parametrize('bad, message', [
    (dict(scales=()), 'one or more numbers'), (dict(scales=(1, 0)), 'above 0')])
def test_bad_settings(bad, message):
    with pytest.raises(ValueError, match=message):
        maps_model(**bad)


def test_bad_samples():
    model, image = maps_model(), torch.from_numpy(an_image()).permute(2, 0, 1)
    bare = DataSample(metainfo=dict(img_path='a.png', ori_shape=(H, W)))
    with pytest.raises(ValueError, match='a.png has no image-level labels'):
        model.test_step(dict(inputs=[image], data_samples=[bare]))
    with pytest.raises(ValueError, match='a.png is labelled with class 3.* 4 channels'):
        model.test_step(dict(inputs=[image], data_samples=[sample_of([1, 3])]))


# What labels depend on

BACKBONE = dict(type='ResNetV1c', depth=18, base_channels=4, stem_channels=4,
                strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4))


def described(parts=None, as_module=False, **options):
    """A model whose segmentor has options changed: by part, None for its own."""
    cfg = segmentor()
    cfg.backbone = ConfigDict(BACKBONE)
    cfg.decode_head.update(in_channels=32, dropout_ratio=0.1)
    for part, changed in (parts or {}).items():
        (cfg if part is None else cfg[part]).update(changed)
    module = MODELS.build(cfg) if as_module else cfg
    return MODELS.build(dict(type='SegmentorMaps', module=module, **options))


def difference(one, other) -> set:
    """Names of what two models of other weights differ in."""
    one, other = (json.loads(json.dumps(dict(model.maps_source(), weights=None)))
                  for model in (one, other))
    return {name for name in {*one, *other} if one.get(name) != other.get(name)}


@pytest.mark.parametrize('as_module', [False, True])
@pytest.mark.parametrize('part, changed, names', [
    ('data_preprocessor', dict(mean=[100.] * 3), {'preprocessor.mean'}),
    ('data_preprocessor', dict(std=[1.] * 3), {'preprocessor.std'}),
    ('data_preprocessor', dict(bgr_to_rgb=False), {'preprocessor.swap_channels'}),
    ('data_preprocessor', dict(test_cfg=dict(size_divisor=32)),
     {'preprocessor.test_cfg.size_divisor'}),
    ('data_preprocessor', dict(pad_val=7), {'preprocessor.pad_val'}),
    ('backbone', dict(strides=(1, 2, 2, 1)), {'segmentor.backbone.strides'}),
    ('backbone', dict(dilations=(1, 1, 2, 2)), {'segmentor.backbone.dilations'}),
    ('decode_head', dict(dilation=2), {'segmentor.decode_head.dilation'}),
    ('decode_head', dict(in_index=3), {'segmentor.decode_head.in_index'}),
    ('decode_head', dict(align_corners=True), {'segmentor.decode_head.align_corners'}),
    (None, dict(type='MSCEncoderDecoder', scales=(1.0, 0.5)),
     {'segmentor.type', 'segmentor.scales'}),
    ('test_cfg', dict(mode='slide', crop_size=(16, 16), stride=(8, 8)),
     {'test_cfg.mode', 'test_cfg.crop_size', 'test_cfg.stride'}),
])
def test_settings_of_maps_are_named(part, changed, names, as_module):
    if as_module and any(name.startswith('segmentor.') for name in names):
        names = {'segmentor.attributes'} | names & {'segmentor.type'}
    assert difference(described(as_module=as_module),
                      described({part: changed}, as_module)) == names


@pytest.mark.parametrize('as_module', [False, True])
@pytest.mark.parametrize('part, changed', [
    (None, dict()),
    (None, dict(train_cfg=dict(sampler=1), init_cfg=dict(type='Pretrained', checkpoint='x.pth'))),
    (None, dict(auxiliary_head=dict(
        type='FCNHead', in_channels=16, in_index=2, channels=8, num_classes=4))),
    ('backbone', dict(init_cfg=dict(type='Pretrained', checkpoint='elsewhere.pth'))),
    ('backbone', dict(frozen_stages=2, norm_eval=True, with_cp=True)),
    ('decode_head', dict(loss_decode=dict(type='DiceLoss'), ignore_index=3, dropout_ratio=0.5)),
    ('decode_head', dict(sampler=dict(type='OHEMPixelSampler'))),
    ('data_preprocessor', dict(size=None, size_divisor=32, seg_pad_val=0)),
    ('test_cfg', dict(crop_size=(16, 16), stride=(8, 8))),
])
def test_what_maps_do_not_depend_on_is_left_out(part, changed, as_module):
    assert difference(described(as_module=as_module),
                      described({part: changed}, as_module)) == set()


def test_places_of_caches_and_graphs_are_left_out():
    trunk = dict(type='FrozenTIMMBackbone', output_stride=16)
    head = dict(type='GRMHead', head=dict(type='FCNHead', num_convs=2), nodes='gathered')
    one, same, other = (segmentor_settings(dict(type='EncoderDecoder', backbone=backbone,
                                                decode_head=decode_head))
                        for backbone, decode_head in (
        (trunk, head),
        (dict(trunk, feature_cache='/tmp/features', channels_last=True),
         dict(head, graph='elsewhere.npz', loss_coarse_weight=1., dropout=0.5)),
        (dict(trunk, output_stride=32), dict(head, nodes='fixed'))))
    assert one == same
    assert {name for name in one if one[name] != other[name]} == {
        'segmentor.backbone.output_stride', 'segmentor.decode_head.nodes'}


def test_options_set_later_count():
    """The preprocessor and test_cfg are asked, not the config."""
    one, other = described(), described()
    other.module.test_cfg = dict(mode='slide', crop_size=(16, 16), stride=(8, 8))
    other.module.data_preprocessor.mean += 1
    assert difference(one, other) == {
        'preprocessor.mean', 'test_cfg.mode', 'test_cfg.crop_size', 'test_cfg.stride'}


# In a test loop

LABELS = {'a': ['cat'], 'b': ['dog', 'cow'], 'c': []}


def config(root, num_classes=4):
    pipeline = [dict(type='LoadAnyImage'),
                dict(type='mmpretrain.PackInputs',
                     meta_keys=('sample_idx', 'img_path', 'image_id', 'ori_shape'))]
    return Config(dict(
        default_scope='mmseg', model=dict(type='SegmentorMaps', module=segmentor(num_classes)),
        test_dataloader=dict(
            batch_size=2, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
            dataset=dict(type='ImageLabelDataset', data_root=str(root), label_file='labels.json',
                         test_mode=True, skip_stored=str(root / 'labels'), pipeline=pipeline)),
        test_evaluator=dict(type='LabelWriter', out=str(root / 'labels'),
                            rule=dict(kind='probability')),
        test_cfg=dict(type='TestLoop'), custom_hooks=[dict(type='PreflightHook')],
        default_hooks=dict(), work_dir=str(root / 'work'), log_level='ERROR',
        load_from=str(root / 'segmentor.pth'), experiment_name=f'maps_{root.name}'))


@pytest.fixture
def root(tmp_path):
    for seed, name in enumerate(LABELS):
        Image.fromarray(an_image(seed)[..., ::-1]).save(tmp_path / f'{name}.png')
    ImageLabels(CLASSES, LABELS).save(tmp_path / 'labels.json')
    # a checkpoint of the segmentor, not of what is wrapped around it
    torch.save(dict(state_dict=maps_model().module.state_dict(), meta={}),
               tmp_path / 'segmentor.pth')
    return tmp_path


def test_labels_are_the_most_probable_of_background_and_the_images_classes(root):
    Runner.from_cfg(config(root)).test()
    store, model = LabelStore(root / 'labels'), maps_model()
    for seed, (name, present) in enumerate(LABELS.items()):
        image = an_image(seed)
        with torch.no_grad():
            probability = by_hand(model, image) + by_hand(model, image[:, ::-1]).flip(-1)
        allowed = [0] + [1 + CLASSES.index(c) for c in present]
        expected = np.array(allowed)[probability[allowed].argmax(0).numpy()]
        labels = store.read(name)
        assert (labels != expected).mean() < 0.002  # ties of float32
        assert set(np.unique(labels)) <= set(allowed)
    source = store.manifest()['source']['maps']
    assert source['scales'] == [1.0] and source['flip'] is True and source['weights']
    # Weights are part of the source: other ones make another version.
    state = torch.load(root / 'segmentor.pth', weights_only=True)
    state['state_dict']['decode_head.conv_seg.bias'] += 1
    torch.save(state, root / 'segmentor.pth')
    cfg = config(root)
    cfg.experiment_name += '_again'
    Runner.from_cfg(cfg).test()
    assert LabelStore(root / 'labels').versions == [1, 2]
    assert json.dumps(LabelStore(root / 'labels').manifest(1)['source']['maps']) == json.dumps(
        source)
    # So are settings that no weight shows.
    cfg.experiment_name += '_too'
    cfg.model.module.data_preprocessor.bgr_to_rgb = False
    Runner.from_cfg(cfg).test()
    assert LabelStore(root / 'labels').versions == [1, 2, 3]


def test_a_segmentor_of_other_classes_is_refused(root):
    with pytest.raises(PreflightError, match='num_classes=6, but the data set has 4 classes'):
        Runner.from_cfg(config(root, num_classes=6)).test()


def label_as_one_of_two(rank, folder):
    torch.set_num_threads(1)
    cfg = config(folder)
    cfg.update(launcher='pytorch', experiment_name=f'two_{rank}_{folder.name}')
    cfg.test_evaluator.out = cfg.test_dataloader.dataset.skip_stored = str(folder / 'two')
    launch.fit_to_machine(cfg)
    Runner.from_cfg(cfg).test()


def test_two_processes_write_the_labels_of_one(root):
    Runner.from_cfg(config(root)).test()
    processes.run_ranks(label_as_one_of_two, root)
    one, two = LabelStore(root / 'labels'), LabelStore(root / 'two')
    for name in LABELS:
        np.testing.assert_array_equal(two.read(name), one.read(name))
    assert two.manifest()['source']['maps'] == one.manifest()['source']['maps']
    assert two.manifest()['pixels'] == one.manifest()['pixels']
