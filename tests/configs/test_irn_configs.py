"""The boundary network's configs: build, train at the published rates, read and write as named."""
import copy
from functools import lru_cache

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DATASETS, METRICS, MODELS, TRANSFORMS, init_default_scope
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from PIL import Image

import mmwsss  # noqa: F401
from mmwsss.datasets.classes import BACKGROUND, COCO_CLASSES, VOC_CLASSES
from tests.configs.shrink import offline
from tests.paths import ROOT

FOLDER = ROOT / 'configs'
NAMES = sorted(path.name for path in (FOLDER / 'irn').glob('irn_*.py'))


@pytest.fixture(autouse=True)
def mmseg_scope():
    init_default_scope('mmseg')


@lru_cache(maxsize=None)
def load(name):
    return Config.fromfile(FOLDER / 'irn' / name)


def test_there_are_configs():
    assert len(NAMES) == 5


@pytest.mark.parametrize('name', NAMES)
def test_one_iteration_at_the_intended_rates(name):
    cfg = load(name)
    model_cfg = offline(copy.deepcopy(cfg.model))
    model_cfg.data_preprocessor.size = (96, 96)
    model = MODELS.build(model_cfg).train()
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    rates = {id(p): (group['lr'], group['weight_decay'])
             for group in wrapper.optimizer.param_groups for p in group['params']}
    rate = 0.1 if 'r50' in name else 3e-3
    labels = torch.randint(0, 3, (1, 96, 96))
    samples = [SegDataSample(gt_sem_seg=PixelData(data=labels))]
    images = [torch.randint(0, 256, (3, 96, 96), dtype=torch.uint8)]
    data = model.data_preprocessor(dict(inputs=images, data_samples=samples), True)
    loss, _ = model.parse_losses(model(**data, mode='loss'))
    wrapper.backward(loss)
    assert torch.isfinite(loss)
    for key, param in model.named_parameters():
        assert param.requires_grad is key.startswith('edge_branch.'), key
        if param.requires_grad:
            assert rates[id(param)] == pytest.approx((rate, 1e-4)), key
            assert param.grad is not None and torch.isfinite(param.grad).all(), key


@pytest.mark.parametrize('name', NAMES)
def test_data_schedule_and_folders(name):
    cfg = load(name)
    classes = COCO_CLASSES if 'coco' in name else VOC_CLASSES
    train, test = cfg.train_dataloader.dataset, cfg.test_dataloader.dataset
    assert DATASETS.get(train.type).METAINFO['classes'] == (BACKGROUND, *classes)
    assert DATASETS.get(test.type).METAINFO['classes'] == classes
    assert train.data_prefix.seg_map_path == 'PseudoLabels'  # masks are no default
    assert (cfg.val_dataloader, cfg.val_cfg, cfg.val_evaluator) == (None, None, None)
    for transform in [*train.pipeline, *test.pipeline]:
        TRANSFORMS.build(transform)
    assert cfg.train_dataloader.dataset.pipeline[-3].crop_size == cfg.model.data_preprocessor.size
    iterations = cfg.train_cfg.max_iters
    assert cfg.param_scheduler[0]['end'] == iterations
    assert iterations % cfg.default_hooks.checkpoint.interval == 0
    writer, quality = cfg.test_evaluator
    assert writer.out == test.skip_stored == f'work_dirs/{name[:-3]}/labels'
    assert METRICS.build(quality).num_classes == 1 + len(classes)
    assert quality.masks.startswith(f'{cfg.data_root}/')


def test_published_values():
    voc, coco = load('irn_r50_voc.py'), load('irn_r50_coco.py')
    assert (voc.train_cfg.max_iters, coco.train_cfg.max_iters) == (3 * (10582 // 32),
                                                                   3 * (82783 // 32))
    assert voc.optim_wrapper.optimizer.momentum == 1e-4
    assert voc.train_dataloader.batch_size == 32
    model = MODELS.build(offline(copy.deepcopy(voc.model)))
    assert model.edge_branch.strides == (4, 4, 8, 16, 16)
    assert (model.radius, model.pairs) == (10, 'inner')
    assert (model.walk.radius, model.walk.beta, model.walk.steps) == (5, 10, 256)
    assert [c.test_evaluator[0].rule.threshold for c in (voc, coco)] == [0.28, 0.25]
    scales = [t[0].scale_factor for t in voc.train_dataloader.dataset.pipeline[2].transforms]
    assert (min(scales), max(scales)) == (0.5, 1.5)


def test_the_toy_trunk_is_that_of_the_classifier():
    boundary = load('irn_r18_toy.py')
    classifier = Config.fromfile(FOLDER / 'recam' / 'cam_r18_toy.py')
    assert boundary.load_from == \
        f'work_dirs/cam_r18_toy/iter_{classifier.train_cfg.max_iters}.pth'
    weights = MODELS.build(offline(copy.deepcopy(boundary.model))).backbone.state_dict()
    init_default_scope('mmpretrain')
    trained = MODELS.build(offline(classifier.model)).backbone.state_dict()
    assert {k: v.shape for k, v in weights.items()} == {k: v.shape for k, v in trained.items()}


def test_small_set_pipelines_run(tmp_path, monkeypatch):
    for folder, suffix, shape in (('JPEGImages', '.jpg', (120, 384, 3)),
                                  ('PseudoLabels', '.png', (120, 384))):
        (tmp_path / folder).mkdir()
        pixels = np.random.randint(0, 21, shape, np.uint8)
        Image.fromarray(pixels).save(tmp_path / folder / f'a{suffix}')
    (tmp_path / 'ImageSets/Segmentation').mkdir(parents=True)
    (tmp_path / 'ImageSets/Segmentation/train.txt').write_text('a')
    monkeypatch.setenv('MMWSSS_VOC_MINI', str(tmp_path))
    monkeypatch.setenv('MMWSSS_ACTIVATIONS', '/elsewhere')
    cfg = Config.fromfile(FOLDER / 'irn' / 'irn_effnetlite0_vocmini.py')
    assert cfg.model.walk.store == '/elsewhere'
    sample = DATASETS.build(cfg.train_dataloader.dataset)[0]
    height, width = sample['inputs'].shape[1:]
    assert height < 140 and width <= 256
    assert sample['data_samples'].gt_sem_seg.shape == (height, width)


@pytest.mark.parametrize('name', NAMES)
def test_listed_in_the_readme(name):
    assert f'`{name}`' in (FOLDER / 'irn' / 'README.md').read_text()
