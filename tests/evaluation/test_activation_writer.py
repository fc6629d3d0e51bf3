"""CAM extraction as a test loop, from images in a folder to a store."""
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import Runner
from PIL import Image

from mmwsss.datasets import ImageLabels
from mmwsss.evaluation import ActivationWriter
from mmwsss.labels import ActivationStore

SIZES = {'a': (40, 56), 'b': (56, 40), 'c': (40, 56), 'd': (33, 47), 'e': (40, 56)}
LABELS = {'a': ['cat'], 'b': ['cat', 'dog'], 'c': [], 'd': ['cow'], 'e': ['dog', 'cow']}


@pytest.fixture
def root(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / 'images').mkdir()
    for name, size in SIZES.items():
        pixels = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / 'images' / f'{name}.png')
    ImageLabels(('cat', 'dog', 'cow'), LABELS).save(tmp_path / 'labels.json')
    return tmp_path


def config(root, batch_size=3):
    store = str(root / 'store')
    return Config(dict(
        default_scope='mmpretrain', work_dir=str(root / 'work'), log_level='ERROR',
        randomness=dict(seed=0),
        model=dict(
            type='CAMClassifier', test_cam=dict(scales=(1.0, 0.5)),
            data_preprocessor=dict(mean=[120.] * 3, std=[60.] * 3, to_rgb=True),
            backbone=dict(type='ResNet', depth=18, base_channels=4, stem_channels=4,
                          strides=(1, 2, 2, 1)),
            head=dict(type='CAMHead', num_classes=3, in_channels=32)),
        test_dataloader=dict(
            batch_size=batch_size, num_workers=0,
            sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
            dataset=dict(
                type='ImageLabelDataset', data_root=str(root), label_file='labels.json',
                data_prefix='images', skip_stored=store,
                pipeline=[
                    dict(type='LoadAnyImage'),
                    dict(type='PackInputs', meta_keys=('img_path', 'image_id', 'ori_shape'))])),
        test_cfg=dict(), test_evaluator=dict(type='ActivationWriter', out=store),
        experiment_name=f'extract{np.random.default_rng().integers(1 << 60)}'))


def extract(cfg):
    return Runner.from_cfg(cfg).test()


def test_extraction_writes_all_and_goes_on_where_it_stopped(root):
    assert extract(config(root)) == {'activations/images': 5}
    store = ActivationStore(root / 'store')
    assert store.classes == ('cat', 'dog', 'cow') and store.ids() == list('abcde')
    for name, size in SIZES.items():
        classes, maps = store.read(name)
        assert [store.classes[c] for c in classes] == LABELS[name]
        assert maps.shape == (len(classes), *size)
    before = {name: store.read(name)[1] for name in SIZES}
    times = {}
    for name in 'be':
        (root / 'store' / 'maps' / f'{name}.png').unlink()
    for name in 'acd':
        times[name] = (root / 'store' / 'maps' / f'{name}.png').stat().st_mtime_ns
    assert extract(config(root, batch_size=1)) == {'activations/images': 2}
    for name in SIZES:
        path = root / 'store' / 'maps' / f'{name}.png'
        assert name in 'be' or path.stat().st_mtime_ns == times[name]
        # One step of 8 bits, for another batch size may round the last digit otherwise.
        np.testing.assert_allclose(store.read(name)[1], before[name], atol=1.01 / 255)


def test_nothing_left_to_extract_is_no_error(root):
    extract(config(root))
    assert extract(config(root)) == {'activations/images': 0}


def test_samples_without_maps_are_explained(root):
    cfg = config(root)
    cfg.model.test_cam = None
    with pytest.raises(ValueError, match='a.png has no activations, activation_classes: set'):
        extract(cfg)
    assert not ActivationStore.exists(root / 'store')


def test_store_of_other_settings_is_refused(root):
    extract(config(root))
    cfg = config(root)
    cfg.test_evaluator.bits = 16
    (root / 'store' / 'maps' / 'a.png').unlink()
    with pytest.raises(ValueError, match='bits=8, not 16'):
        extract(cfg)


def test_maps_of_two_checkpoints_are_never_mixed(root):
    cfg = config(root)
    cfg.custom_hooks = [dict(type='PreflightHook')]
    for i in range(2):
        torch.save(dict(state_dict=MODELS.build(cfg.model).state_dict()), root / f'{i}.pth')

    def run(weights, **cam):
        cfg.load_from, cfg.experiment_name = str(root / weights), cfg.experiment_name + '_'
        cfg.model.test_cam.update(cam)
        return extract(cfg)

    assert run('0.pth') == {'activations/images': 5}
    assert run('0.pth') == {'activations/images': 0}
    with pytest.raises(ValueError, match='holds maps made with {.weights.: .*another folder'):
        run('1.pth')  # even where nothing is left to extract
    (root / 'store' / 'maps' / 'a.png').unlink()
    with pytest.raises(ValueError, match=r"'scales': \[1.0, 0.5\]}, not {'scales': \[1.0\]}"):
        run('0.pth', scales=(1.0, ))
    assert run('0.pth', scales=(1.0, 0.5)) == {'activations/images': 1}


def test_classes_are_needed(tmp_path):
    writer = ActivationWriter(str(tmp_path / 'store'))
    with pytest.raises(ValueError, match='class names'):
        writer.store  # noqa: B018


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmpretrain')
