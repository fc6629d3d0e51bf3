"""The configs that make seeds: published thresholds, data, and folders as their names say."""
from functools import lru_cache
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import DATASETS, METRICS, MODELS, TRANSFORMS, init_default_scope

import mmwsss  # noqa: F401
from mmwsss.datasets.classes import COCO_CLASSES, VOC_CLASSES
from tests.paths import ROOT

FOLDER = ROOT / 'configs'
NAMES = sorted(path.name for path in (FOLDER / 'irn').glob('[sc]*_*.py'))


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmpretrain')


@lru_cache(maxsize=None)
def load(name):
    return Config.fromfile(FOLDER / name)


def test_there_are_configs():
    assert NAMES == ['crf_vocmini.py', 'seeds_coco.py', 'seeds_sc_vocmini.py', 'seeds_toy.py',
                     'seeds_voc.py', 'seeds_vocmini.py']


@pytest.mark.parametrize('name', NAMES)
def test_reads_and_writes_where_its_name_says(name):
    cfg = load(f'irn/{name}')
    writer, quality = cfg.test_evaluator
    out = f'work_dirs/{Path(name).stem}/labels'
    assert writer.out == cfg.test_dataloader.dataset.skip_stored == out
    made = METRICS.build(writer)
    foreground, background = {'seeds_vocmini.py': (0.70, 0.50), 'seeds_sc_vocmini.py': (
        0.35, 0.20)}.get(name, (0.35, 0.10))
    assert made.rule.settings() == (
        dict(kind='threshold', threshold=0.60, normalize='class') if 'crf' in name else
        dict(kind='two_thresholds', foreground=foreground, background=background,
             normalize='class'))
    crf = made.crf.settings()
    assert (crf['gaussian_xy'], crf['gaussian_weight'], crf['bilateral_xy'], crf['bilateral_rgb'],
            crf['bilateral_weight'], crf['iterations'], crf['label_probability']) == (
        3, 3, 50, 5, 10, 10, 0.7)
    dataset = cfg.test_dataloader.dataset
    classes = COCO_CLASSES if 'coco' in name else VOC_CLASSES
    assert DATASETS.get(dataset.type).METAINFO['classes'] == classes
    assert quality.num_classes == len(classes) + 1 and quality.missing == 'skip'
    assert quality.masks.startswith(f'{dataset.data_root}/')
    METRICS.build(quality)
    for transform in dataset.pipeline:
        TRANSFORMS.build(transform)
    assert MODELS.build(cfg.model).folder == cfg.model.store
    assert cfg.model_wrapper_cfg.type == 'ParameterFreeWrapper'
    assert cfg.test_dataloader.sampler.round_up is False


@pytest.mark.parametrize('name', NAMES)
def test_takes_the_maps_that_a_classifier_config_writes(name):
    _, stem, kind = load(f'irn/{name}').model.store.split('/')
    found, = list(FOLDER.glob(f'*/{stem}.py'))
    classifier = Config.fromfile(found)
    assert kind == 'activations'
    assert classifier.test_evaluator.out == load(f'irn/{name}').model.store
    ours, theirs = (cfg.test_dataloader.dataset for cfg in (load(f'irn/{name}'), classifier))
    for key in ('type', 'data_root', 'label_file', 'ann_file'):
        assert ours.get(key) == theirs.get(key), key
    assert ours.get('unlabelled') == theirs.get('unlabelled')


def test_the_boundary_network_walks_the_maps_that_the_seeds_come_from():
    for name in NAMES:
        data = Path(name).stem.partition('_')[2]
        partner, = list((FOLDER / 'irn').glob(f'irn_*[0-9]_{data}.py'))
        assert Config.fromfile(partner).model.walk.store == load(f'irn/{name}').model.store
