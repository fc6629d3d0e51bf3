"""The table of bad input to stage 1, on a tiny classifier: what stops, what is skipped and listed.

Rows like those of test_bad_input.py: each spoils one thing, and expects one clear error before the
first iteration. Real files: cut in the middle, of other modes, of other content.
"""
import io
import json

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmengine.runner import runner as mmengine_runner
from PIL import Image

import mmwsss  # noqa: F401
from mmwsss.datasets import ImageLabels
from mmwsss.labels import ActivationStore
from mmwsss.models.classifiers import CAMClassifier

CLASSES = ('cat', 'dog', 'cow')
NAMES = ('colour', 'grey', 'cmyk', 'palette', 'sixteen', 'alpha')
SIZE = (40, 56)


def picture(mode='RGB', size=SIZE):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


def jpeg() -> bytes:
    buffer = io.BytesIO()
    picture().save(buffer, 'JPEG')
    return buffer.getvalue()


@pytest.fixture
def root(tmp_path):
    """Six images of six modes with labels, the last without any class, and masks of two."""
    images = tmp_path / 'images'
    images.mkdir()
    picture().save(images / 'colour.jpg')
    picture('L').save(images / 'grey.jpg')
    picture('CMYK').save(images / 'cmyk.jpg')
    picture('P').save(images / 'palette.png')
    picture('RGBA').save(images / 'alpha.png')
    Image.fromarray(np.arange(40 * 56, dtype=np.uint16).reshape(SIZE) * 29).save(
        images / 'sixteen.png')
    save_labels(tmp_path)
    (tmp_path / 'list.txt').write_text(''.join(f'{name}\n' for name in NAMES))
    (tmp_path / 'masks').mkdir()
    for name in ('colour', 'grey'):
        mask = np.zeros(SIZE, np.uint8)
        mask[5:20, 10:30] = 1
        Image.fromarray(mask).save(tmp_path / 'masks' / f'{name}.png')
    return tmp_path


def save_labels(root, classes=CLASSES, **changes):
    labels = {name: [CLASSES[i % 3]] for i, name in enumerate(NAMES)}
    labels.update(alpha=[], **changes)
    ImageLabels(classes, labels).save(root / 'labels.json')


@pytest.fixture
def config(root, request):
    data = dict(type='ImageLabelDataset', data_root=str(root), label_file='labels.json',
                data_prefix='images', ann_file='list.txt', classes=CLASSES)
    load = dict(type='LoadAnyImage')
    keys = ('img_path', 'image_id', 'ori_shape')
    tested = dict(
        batch_size=3, num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
        dataset=dict(data, test_mode=True,
                     pipeline=[load, dict(type='PackInputs', meta_keys=keys)]))
    masks = dict(type='PseudoLabelQuality', prefix='seed', masks=str(root / 'masks'),
                 num_classes=4, missing='skip')
    return Config(dict(
        default_scope='mmpretrain', work_dir=str(root / 'work'), log_level='INFO',
        randomness=dict(seed=0), custom_hooks=[dict(type='PreflightHook')],
        experiment_name=f'{request.node.name}{np.random.default_rng().integers(1 << 60)}',
        model=dict(
            type='CAMClassifier', test_cam=dict(scales=(1.0, 0.5)),
            val_cam=dict(scales=(1.0, ), flip=False),
            data_preprocessor=dict(mean=[120.] * 3, std=[60.] * 3, to_rgb=True),
            backbone=dict(type='ResNet', depth=18, base_channels=4, stem_channels=4,
                          strides=(1, 2, 2, 1), norm_eval=True),
            head=dict(type='CAMHead', num_classes=3, in_channels=32)),
        train_dataloader=dict(
            batch_size=6, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
            dataset=dict(data, pipeline=[
                load, dict(type='RandomLongSideCrop', long_side=(40, 60), crop_size=48),
                dict(type='PackInputs')])),
        optim_wrapper=dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.01)),
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=1, val_interval=1),
        val_dataloader=tested, val_cfg=dict(),
        val_evaluator=[dict(type='AveragePrecision'), masks],
        test_dataloader=dict(tested, dataset=dict(tested['dataset'],
                                                  skip_stored=str(root / 'store'))),
        test_cfg=dict(), test_evaluator=dict(type='ActivationWriter', out=str(root / 'store'))))


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(Config, 'pretty_text', property(lambda self: ''))
    monkeypatch.setattr(mmengine_runner, 'collect_env', lambda: {})
    init_default_scope('mmpretrain')


def without_test(cfg):
    cfg.test_dataloader = cfg.test_evaluator = cfg.test_cfg = None
    return cfg


def without_training(cfg):
    for key in ('train_dataloader', 'train_cfg', 'optim_wrapper', 'val_dataloader', 'val_cfg',
                'val_evaluator'):
        cfg[key] = None
    return cfg


def test_images_of_all_modes_train_and_validation_judges_those_with_masks(root, config):
    runner = Runner.from_cfg(without_test(config))
    runner.train()
    scores = runner.val_loop.run()
    assert {'multi-label/mAP', 'seed/mIoU', 'seed/precision', 'seed/recall',
            'seed/threshold'} <= set(scores)
    assert 'seed: 2 of 6 images are judged' in log(root)


def test_validation_without_masks_scores_the_classes_alone(root, config):
    config.val_evaluator[1].masks = str(root / 'none')
    scores = Runner.from_cfg(without_test(config)).val()
    assert list(scores) == ['multi-label/mAP']
    assert 'seed: 0 of 6 images are judged' in log(root)


def log(root) -> str:
    return '\n'.join(path.read_text() for path in root.glob('work/*/*.log'))


def cut(keep):
    return lambda root, cfg: (root / 'images/cmyk.jpg').write_bytes(jpeg()[:keep])


def labels(**kwargs):
    return lambda root, cfg: save_labels(root, **kwargs)


def option(**options):
    return lambda root, cfg: cfg.train_dataloader.dataset.update(options)


BOX = '"bbox": [0, 0, 9, 8], "score": 1'


def load_boxes(root, loader, text):
    (root / 'boxes.json').write_text(text)
    loader.dataset.pipeline.insert(1, dict(type='LoadProposals', file=str(root / 'boxes.json')))


def boxes(text):
    return lambda root, cfg: load_boxes(root, cfg.train_dataloader, text)


TABLE = [
    ('cut in the middle', cut(500), ['cmyk.jpg', 'cannot be read', 'replace it']),
    ('cut in the header', cut(10), ['cmyk.jpg', 'cannot be read']),
    ('empty file', cut(0), ['cmyk.jpg', 'cannot be read']),
    ('a web page', lambda root, cfg: (root / 'images/cmyk.jpg').write_text('<html>'),
     ['cmyk.jpg', 'cannot be read']),
    ('image missing', lambda root, cfg: (root / 'images/grey.jpg').unlink(),
     ['1 of the 6 images', 'grey', 'data_prefix']),
    ('image without a label', option(unlabelled='error'), ['1 of 6', 'alpha', "'skip'", "'keep'"]),
    ('image not in the label file',
     lambda root, cfg: (root / 'list.txt').write_text('colour\nother\n'),
     ['labels.json', '1 of the 2 listed images', 'other']),
    ('class that is none of the data set',
     labels(classes=(*CLASSES, 'yak'), grey=['yak']),
     ['labels.json', "'yak'", '3 classes', 'classes=[...]']),
    ('label file for other images',
     lambda root, cfg: ImageLabels(CLASSES, {'x': ['cat']}).save(root / 'labels.json'),
     ['6 of the 6 listed images', 'labels.json']),
    ('label file that is none', lambda root, cfg: (root / 'labels.json').write_text('{"a": 1}'),
     ['labels.json']),
    ('head of another number of classes', lambda root, cfg: cfg.model.head.update(num_classes=4),
     ['num_classes=4', '3 classes', 'model.head.num_classes=3']),
    ('proposals without any', boxes('[]'), ['boxes.json', "'colour'", 'make_proposals.py']),
    ('proposals of other images', boxes(f'[{{"image_id": "x", {BOX}}}]'),
     ['boxes.json', 'none of 6 images', "'colour'", "'x'"]),
    ('proposals that are no numbers',
     boxes('[{"image_id": "grey", "bbox": [0, 0, NaN, 8], "score": 1}]'),
     ['boxes.json', 'detection 0', 'nan']),
    ('skipping while training', option(unreadable='skip'), ["unreadable='skip'", 'extraction']),
]


@pytest.mark.parametrize('name, spoil, message', TABLE, ids=[row[0] for row in TABLE])
def test_bad_input_is_named_before_training(root, config, name, spoil, message, monkeypatch):
    monkeypatch.setattr(CAMClassifier, 'train_step', lambda *args: pytest.fail('it trained'))
    cfg = without_test(config)
    spoil(root, cfg)
    with pytest.raises(Exception) as error:
        Runner.from_cfg(cfg).train()
    for part in message:
        assert part in str(error.value), str(error.value)


def test_validation_images_may_have_no_boxes(root, config):
    load_boxes(root, config.val_dataloader, f'[{{"image_id": "x", {BOX}}}]')
    Runner.from_cfg(without_test(config)).train()
    assert 'validation without boxes' in log(root)


def test_extraction_skips_and_lists_what_it_cannot_read(root, config):
    """And goes on with it once it is mended."""
    for name, content in (('cmyk.jpg', jpeg()[:400]), ('palette.png', b'')):
        (root / 'images' / name).write_bytes(content)
    cfg = without_training(config)
    with pytest.raises(Exception, match=r'2 of 6 images.*cmyk.jpg.*palette.png'):
        Runner.from_cfg(cfg).test()
    cfg.test_dataloader.dataset.unreadable = 'skip'
    assert extract(cfg) == {'activations/images': 4, 'activations/unreadable': 2}
    store = ActivationStore(root / 'store')
    assert store.ids() == ['alpha', 'colour', 'grey', 'sixteen']
    listed = json.loads((root / 'store' / 'unreadable.json').read_text())
    assert listed == store.unreadable() and sorted(listed) == ['cmyk', 'palette']
    assert 'cmyk.jpg cannot be read' in listed['cmyk'] and 'OSError' in listed['cmyk']
    assert '2 images could not be read and have no maps, listed in' in log(root)
    assert extract(cfg) == {'activations/images': 0, 'activations/unreadable': 2}
    picture().save(root / 'images' / 'palette.png')
    assert extract(cfg) == {'activations/images': 1, 'activations/unreadable': 1}
    assert list(store.unreadable()) == ['cmyk'] and 'palette' in store
    picture().save(root / 'images' / 'cmyk.jpg')
    assert extract(cfg) == {'activations/images': 1}
    assert store.unreadable() == {} and len(store) == 6


def extract(cfg) -> dict:
    cfg.experiment_name += '_'
    return Runner.from_cfg(cfg).test()


def test_extraction_that_stops_says_how_to_go_on(root, config):
    (root / 'images' / 'cmyk.jpg').write_bytes(jpeg()[:400])
    cfg = without_training(config)
    cfg.custom_hooks = []  # without the check before the start
    with pytest.raises(ValueError, match="cmyk.jpg cannot be read.*unreadable='skip'"):
        Runner.from_cfg(cfg).test()


def test_a_stand_in_is_never_judged(root, config):
    (root / 'images' / 'grey.jpg').write_bytes(b'')
    cfg = without_training(config)
    cfg.test_dataloader.dataset.unreadable = 'skip'
    cfg.test_dataloader.dataset.skip_stored = None
    cfg.test_evaluator = dict(type='PseudoLabelQuality', masks=str(root / 'masks'),
                              num_classes=4, missing='skip')
    assert torch.isfinite(torch.tensor(Runner.from_cfg(cfg).test()['labels/mIoU']))
    assert 'labels: 1 of 6 images are judged' in log(root)
