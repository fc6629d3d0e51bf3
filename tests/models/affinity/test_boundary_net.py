"""BoundaryNet: what is trained, what testing gives, and both under MMEngine's Runner."""
import copy
import json

import numpy as np
import pytest
import torch
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement, PixelData
from mmseg.structures import SegDataSample
from PIL import Image

from mmwsss.datasets.classes import VOC_CLASSES
from mmwsss.datasets.image_labels import ImageLabels
from mmwsss.engine.preflight import check_class_names
from mmwsss.labels import ActivationStore, LabelStore, propagate
from mmwsss.models.affinity import affinity_loss
from mmwsss.models.affinity.boundary_net import labels_at_stride

PREPROCESSOR = dict(type='SegDataPreProcessor', mean=[127.5] * 3, std=[127.5] * 3,
                    bgr_to_rgb=True, pad_val=0, seg_pad_val=255, size=(32, 32))
CONFIG = dict(
    type='BoundaryNet', channels=8, radius=4, data_preprocessor=PREPROCESSOR, stem='maxpool',
    backbone=dict(type='ResNet', depth=18, stem_channels=8, base_channels=8,
                  out_indices=(0, 1, 2, 3), strides=(1, 2, 2, 1), dilations=(1, 1, 1, 1)))


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmseg')


def build(**changes):
    return MODELS.build({**copy.deepcopy(CONFIG), **changes})


def image(height=32, width=32):
    return torch.randint(0, 256, (3, height, width), dtype=torch.uint8)


def labelled(height=32, width=32):
    labels = torch.zeros(1, height, width, dtype=torch.long)
    labels[:, :, width // 2:] = 3
    labels[:, 10:12] = 255
    return SegDataSample(gt_sem_seg=PixelData(data=labels))


def test_only_the_edge_branch_is_trained():
    model = build().train()
    before = copy.deepcopy(model.state_dict())
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    data = model.data_preprocessor(
        dict(inputs=[image(), image(24, 30)], data_samples=[labelled(), labelled(24, 30)]), True)
    losses = model(**data, mode='loss')
    loss, logged = model.parse_losses(losses)
    assert logged['loss'] == losses['loss_affinity']  # the three terms are logged only
    loss.backward()
    optimizer.step()
    for name, value in model.state_dict().items():
        moved = not torch.equal(value, before[name])
        assert moved is name.startswith('edge_branch.'), name
    assert not model.backbone.training and model.edge_branch.training


def test_the_loss_is_that_of_the_labels_at_stride_4():
    model = build(pairs='inner', radius=3)
    data = model.data_preprocessor(
        dict(inputs=[image(), image(20, 32)], data_samples=[labelled(), labelled(20, 32)]), True)
    losses = model(**data, mode='loss')
    labels = torch.stack([s.gt_sem_seg.data[0, 2::4, 2::4] for s in data['data_samples']])
    assert (labels[1, 5:] == 255).all()  # padding
    expected, terms = affinity_loss(model(data['inputs']).sigmoid(), labels, 3, 'inner')
    torch.testing.assert_close(losses['loss_affinity'], expected)
    assert losses['negative'] == terms['negative'] > 0


@pytest.mark.parametrize('size', [(32, 32), (33, 39), (2, 5)])
def test_labels_at_stride_4_are_nearest(size):
    labels = torch.randint(0, 255, (2, *size))
    small = labels_at_stride(labels)
    last_row, last_column = size[0] - 1, size[1] - 1
    for b, y, x in np.ndindex(*small.shape):
        assert small[b, y, x] == labels[b, min(4 * y + 2, last_row), min(4 * x + 2, last_column)]
    if size == (32, 32):  # PIL's nearest, as IRN does it
        pil = Image.fromarray(labels[0].byte().numpy()).resize((8, 8), Image.NEAREST)
        assert np.array_equal(small[0].numpy(), np.array(pil))


def test_edges_are_the_mean_over_image_and_mirror_image():
    model = build().eval()
    inputs = torch.randn(2, 3, 32, 48)
    with torch.no_grad():
        expected = torch.sigmoid(model(inputs) / 2 + model(inputs.flip(-1)).flip(-1) / 2)
    torch.testing.assert_close(model.edges(inputs), expected)
    torch.testing.assert_close(model.edges(inputs.flip(-1)), expected.flip(-1))


def test_padding_for_testing_lies_on_the_right_of_the_mirror_image_too():
    """As in IRN: the image and its mirror image are padded to the crop, results are cut."""
    model = build(data_preprocessor=dict(PREPROCESSOR, test_cfg=dict(size=(64, 64)))).eval()
    sample, = model.test_step(dict(inputs=[image(28, 36)], data_samples=[SegDataSample()]))
    assert sample.edge.shape == (7, 9)

    inputs = torch.randn(1, 3, 28, 36)
    with torch.no_grad():
        padded, mirrored = (model(torch.nn.functional.pad(images, (0, 28, 0, 36)))[..., :7, :9]
                            for images in (inputs, inputs.flip(-1)))
    edges = model.edges(torch.nn.functional.pad(inputs, (0, 28, 0, 36)), (28, 36))
    torch.testing.assert_close(edges, torch.sigmoid((padded + mirrored.flip(-1)) / 2))


@pytest.fixture
def data(tmp_path):
    """Four images of two sizes with labels, maps and lists, as a VOC-shaped folder."""
    rng = np.random.RandomState(0)
    maps = ActivationStore(tmp_path / 'maps', VOC_CLASSES)
    sizes = dict(a=(32, 40), b=(40, 32), c=(32, 40), d=(32, 40))
    for name, size in sizes.items():
        mask = np.zeros(size, np.uint8)
        mask[8:24, 8:24] = 0 if name == 'd' else 15
        pixels = rng.randint(0, 60, (*size, 3)) + 150 * (mask > 0)[..., None]
        for folder, array, suffix in (('JPEGImages', pixels, '.jpg'), ('masks', mask, '.png')):
            (tmp_path / folder).mkdir(exist_ok=True)
            Image.fromarray(array.astype(np.uint8)).save(tmp_path / folder / f'{name}{suffix}')
        seed = torch.zeros(1, 1, *size)
        seed[..., 12:20, 12:20] = 1
        small = torch.nn.functional.avg_pool2d(seed, 4)[0]
        maps.write(name, small[:0] if name == 'd' else small, [] if name == 'd' else [14], size)
    (tmp_path / 'train.txt').write_text('a\nb\nc\nd\n')
    store = LabelStore(tmp_path / 'seeds', num_classes=21)
    store.import_folder(1, tmp_path / 'masks')
    store.commit(1)
    ImageLabels(VOC_CLASSES, dict(a=('person', ), b=('person', ), c=('person', ), d=())).save(
        tmp_path / 'labels.json')
    return tmp_path


def runner(data, evaluator, **walk):
    train = dict(
        type='VOC12SegDataset', data_root=str(data), ann_file='train.txt',
        data_prefix=dict(img_path='JPEGImages', seg_map_path='seeds'),
        pipeline=[dict(type='LoadImageFromFile'), dict(type='LoadSegLabels'),
                  dict(type='RandomCrop', crop_size=(32, 32)), dict(type='PackSegInputs')])
    test = dict(
        type='WeakVOCDataset', data_root=str(data), label_file='labels.json', test_mode=True,
        pipeline=[dict(type='LoadAnyImage'), dict(
            type='mmpretrain.PackInputs', meta_keys=('img_path', 'image_id', 'ori_shape'))])
    return Runner(
        model=dict(CONFIG, walk=dict(store=str(data / 'maps'), **walk)), work_dir=str(data / 'wd'),
        train_dataloader=dict(batch_size=4, dataset=train, sampler=dict(
            type='ResumableInfiniteSampler', shuffle=True)),
        optim_wrapper=dict(optimizer=dict(type='AdamW', lr=0.02)),
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=25),
        test_dataloader=dict(batch_size=3, dataset=test, sampler=dict(
            type='DefaultSampler', shuffle=False, round_up=False)),
        test_cfg=dict(), test_evaluator=evaluator, default_scope='mmseg',
        custom_hooks=[dict(type='PreflightHook')],
        default_hooks=dict(checkpoint=dict(type='AtomicCheckpointHook', by_epoch=False,
                                           interval=25)),
        experiment_name=data.name, randomness=dict(seed=0), log_level='ERROR')


def test_trained_by_the_runner_its_walk_finds_the_object(data):
    """From a label store to walked maps, which grow from a small seed to the object's border."""
    quality = dict(type='PseudoLabelQuality', masks=str(data / 'masks'), num_classes=21)
    run = runner(data, quality)
    run.train()
    walked = run.test()['labels/mIoU']
    still = runner(data, quality, steps=0)
    still.load_checkpoint(str(data / 'wd' / 'iter_25.pth'))
    seeds = still.test()['labels/mIoU']
    assert walked > 78 and walked > seeds + 5


def test_each_sample_is_as_if_alone(data):
    model = build(walk=dict(store=str(data / 'maps'))).eval()
    images = dict(a=image(32, 40), b=image(40, 32), c=image(32, 40), d=image(32, 40))

    def sample(name):
        return SegDataSample(metainfo=dict(
            img_path=f'folder/{name}.jpg', ori_shape=images[name].shape[1:]))

    together = model.test_step(dict(inputs=list(images.values()),
                                    data_samples=[sample(name) for name in images]))
    for name, result in zip(images, together):
        alone, = model.test_step(dict(inputs=[images[name]], data_samples=[sample(name)]))
        torch.testing.assert_close(result.edge, alone.edge, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(result.activations, alone.activations, rtol=1e-4, atol=1e-5)
        assert result.activation_classes.tolist() == ([] if name == 'd' else [14])
        assert result.activations.shape[1:] == images[name].shape[1:]
    _, start, _ = ActivationStore(data / 'maps').read_stored('b')
    walked = propagate(start, together[1].edge)
    large = torch.nn.functional.interpolate(walked[None], scale_factor=4, mode='bilinear')[0]
    torch.testing.assert_close(together[1].activations, large / large.max())


def test_without_a_walk_there_are_edges_only():
    sample, = build().eval().test_step(dict(inputs=[image()], data_samples=[BaseDataElement()]))
    assert sample.edge.shape == (8, 8) and 'activations' not in sample
    assert 0 <= sample.edge.min() and sample.edge.max() <= 1


def test_images_that_could_not_be_read_have_no_maps(data):
    model = build(walk=dict(store=str(data / 'maps'))).eval()
    sample = BaseDataElement(metainfo=dict(image_id='gone', ori_shape=(32, 32)))
    sample.set_field('cut short', 'unreadable')
    result, = model.test_step(dict(inputs=[image()], data_samples=[sample]))
    assert len(result.activations) == 0


def test_clear_errors(data):
    model = build(walk=dict(store=str(data / 'maps'))).eval()

    def step(size=(32, 40), **meta):
        return model.test_step(dict(inputs=[image(*size)],
                                    data_samples=[BaseDataElement(metainfo=meta)]))

    with pytest.raises(ValueError, match="'x' has no activation maps"):
        step(image_id='x', ori_shape=(32, 40))
    with pytest.raises(ValueError, match=r"'a': .* an image of \(32, 40\)"):
        step((40, 32), image_id='a', ori_shape=(40, 32))
    with pytest.raises(ValueError, match='neither image_id nor img_path'):
        step(ori_shape=(32, 40))
    with pytest.raises(ValueError, match="'a' has no ori_shape"):
        step(image_id='a')
    with pytest.raises(ValueError, match='do not fit images'):
        model.loss(torch.zeros(1, 3, 32, 32), [labelled(24, 32)])
    with pytest.raises(ValueError, match="mode='other'"):
        model(torch.zeros(1, 3, 32, 32), mode='other')
    assert check_class_names(model, ('background', *VOC_CLASSES)) == []
    problem, = check_class_names(model, ('background', 'cat', 'dog'))
    assert str(data / 'maps') in problem


def test_what_writers_ask(data):
    """Whether all images have maps, and what the walked maps depend on."""
    model = build(walk=dict(store=str(data / 'maps')))
    model.check_images(['a', 'd'])
    with pytest.raises(ValueError, match='no activation maps of 1 of 2 images: x: extract'):
        model.check_images(['a', 'x'])
    source = model.maps_source()
    assert source == model.maps_source() == json.loads(json.dumps(source))
    model.walk.steps = 3
    changed = model.maps_source()
    torch.nn.init.zeros_(model.edge_branch.fuse.bias)
    assert len({str(s) for s in (source, changed, model.maps_source())}) == 3
    build().check_images(['x'])
    assert build().maps_source()['walk'] is None


def settings(backbone=None, preprocessor=None, **changes):
    """What maps of a network with these changes depend on, but for its weights."""
    model = build(backbone=dict(CONFIG['backbone'], **(backbone or {})),
                  data_preprocessor=dict(PREPROCESSOR, **(preprocessor or {})), **changes)
    return json.loads(json.dumps(dict(model.maps_source(), weights=None)))


def difference(**changes) -> set:
    one, other = settings(), settings(**changes)
    return {name for name in {*one, *other} if one.get(name) != other.get(name)}


@pytest.mark.parametrize('changed, names', [
    (dict(preprocessor=dict(mean=[100.] * 3)), {'preprocessor.mean'}),
    (dict(preprocessor=dict(std=[1.] * 3)), {'preprocessor.std'}),
    (dict(preprocessor=dict(bgr_to_rgb=False)), {'preprocessor.swap_channels'}),
    (dict(preprocessor=dict(test_cfg=dict(size=(64, 64)))),
     {'preprocessor.test_cfg.size', 'preprocessor.pad_val'}),
    (dict(backbone=dict(strides=(1, 2, 2, 2))), {'backbone.strides'}),
    (dict(backbone=dict(dilations=(1, 1, 1, 2))), {'backbone.dilations'}),
    (dict(backbone=dict(norm_cfg=dict(type='BN', eps=0.1))),
     {'backbone.norm_cfg.type', 'backbone.norm_cfg.eps'}),
    (dict(stem='relu'), {'stem'}),
    (dict(groups=2), {'groups'}),
])
def test_settings_of_maps_are_named(changed, names):
    assert difference(**changed) == names


@pytest.mark.parametrize('changed', [
    dict(),
    dict(radius=5, pairs='inner'),
    dict(backbone=dict(init_cfg=dict(type='Pretrained', checkpoint='elsewhere.pth'))),
    dict(backbone=dict(frozen_stages=2, norm_eval=True, with_cp=True)),
    dict(preprocessor=dict(size=None, size_divisor=32, pad_val=7, seg_pad_val=0)),
    dict(preprocessor=dict(test_cfg=dict())),
])
def test_what_maps_do_not_depend_on_is_left_out(changed):
    assert difference(**changed) == set()


def test_batch_norm_of_several_processes_and_its_training_are_left_out():
    sync, plain = (settings(backbone=dict(norm_cfg=norm)) for norm in (
        dict(type='SyncBN', requires_grad=True, momentum=0.01), dict(type='BN')))
    assert sync == plain and plain['backbone.norm_cfg.type'] == 'BN'


def test_a_store_refuses_walked_maps_of_another_channel_order(data, tmp_path):
    walk = dict(store=str(data / 'maps'))
    ActivationStore(tmp_path / 'store', VOC_CLASSES, source=build(walk=walk).maps_source())
    source = settings(preprocessor=dict(bgr_to_rgb=False), walk=walk)
    source['weights'] = ActivationStore(tmp_path / 'store').source['weights']
    with pytest.raises(ValueError, match=(
            r"store holds maps made with \{'preprocessor.swap_channels': True\}, "
            r"not \{'preprocessor.swap_channels': False\}: use another")):
        ActivationStore(tmp_path / 'store', source=source)


@pytest.mark.cuda
def test_walks_on_the_device_of_the_model(data):
    model = build(walk=dict(store=str(data / 'maps'))).eval()
    sample = BaseDataElement(metainfo=dict(image_id='a', ori_shape=(32, 40)))
    batch = dict(inputs=[image(32, 40)], data_samples=[sample])
    on_cpu = model.test_step(copy.deepcopy(batch))[0].activations
    on_gpu = model.cuda().test_step(batch)[0].activations
    assert on_gpu.is_cuda
    torch.testing.assert_close(on_gpu.cpu(), on_cpu, rtol=1e-3, atol=1e-4)
