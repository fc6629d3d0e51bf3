"""The configs of a second round: they wrap the networks whose checkpoints they load."""
from functools import lru_cache
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import DATASETS, METRICS, MODELS, TRANSFORMS, init_default_scope

import mmwsss  # noqa: F401
from mmwsss.datasets.classes import VOC_CLASSES
from mmwsss.engine.label_updates import SegmentorMaps
from tests.configs.shrink import offline
from tests.paths import ROOT

FOLDER = ROOT / 'configs'
NAMES = sorted(path.name for path in (FOLDER / 'retrain').glob('*.py'))
NETWORKS = {
    'labels_aspp_effnetlite0_vocmini.py': ('grm/deeplabv2_effnetlite0_aspp_vocmini.py',
                                           'mc/deeplabv2_effnetlite0_mc_vocmini.py'),
    'labels_deeplabv2_r101_voc.py': ('grm/deeplabv2_r101_aspp256_voc.py',
                                     'mc/deeplabv2_r101_mc_voc.py')}
NETWORKS.update({
    'labels_aspp_threshold_effnetlite0_vocmini.py': NETWORKS['labels_aspp_effnetlite0_vocmini.py'],
    'labels_deeplabv2_r101_threshold_voc.py': NETWORKS['labels_deeplabv2_r101_voc.py']})


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmseg')


@lru_cache(maxsize=None)
def load(name):
    return Config.fromfile(FOLDER / name)


def test_there_are_configs():
    assert NAMES == sorted(NETWORKS)


@pytest.mark.parametrize('name', NAMES)
def test_wraps_the_networks_that_the_readme_names(name):
    cfg = load(f'retrain/{name}')
    readme = (FOLDER / 'retrain/README.md').read_text()
    for network in NETWORKS[name]:
        assert cfg.model.module == load(network).model
        assert Path(network).name in readme
    model = MODELS.build(offline(cfg.model.copy()))
    assert isinstance(model, SegmentorMaps) and model.module.num_classes == 21


@pytest.mark.parametrize('name', NAMES)
def test_labels_the_images_that_are_trained_on(name):
    cfg = load(f'retrain/{name}')
    dataset, trained = (cfg.test_dataloader.dataset,
                        load(NETWORKS[name][0]).train_dataloader.dataset)
    assert dataset.data_root == trained.data_root and dataset.ann_file == trained.ann_file
    assert DATASETS.get(dataset.type).METAINFO['classes'] == VOC_CLASSES
    assert cfg.test_dataloader.sampler.round_up is False
    writer, = cfg.test_evaluator
    out = f'work_dirs/{Path(name).stem}/labels'
    assert writer.out == dataset.skip_stored == out
    made = METRICS.build(writer)
    rule = dict(kind='threshold', threshold=0.35) if 'threshold' in name else dict(
        kind='probability')
    assert made.rule.settings() == dict(rule, normalize=None)
    assert made.crf.settings()['label_probability'] == 0.7
    names = [TRANSFORMS.build(step).__class__.__name__ for step in dataset.pipeline]
    assert names == ['LoadAnyImage', 'PackInputs']


def test_listed_in_the_readme():
    readme = (FOLDER / 'retrain/README.md').read_text()
    for name in NAMES:
        assert f'| `{name}` |' in readme
