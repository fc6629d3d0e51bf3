"""Every classifier config: builds, trains at the intended rates, writes where its name says."""
import copy
from functools import lru_cache
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DATASETS, METRICS, MODELS, TRANSFORMS, init_default_scope
from mmpretrain.structures import DataSample

import mmwsss  # noqa: F401
from mmwsss.datasets.classes import COCO_CLASSES, VOC_CLASSES
from mmwsss.engine.preflight import check_class_names
from tests.configs.shrink import offline
from tests.paths import ROOT

FOLDER = ROOT / 'configs'
NAMES = sorted(str(path.relative_to(FOLDER)) for folder in ('recam', 'gcn_cam')
               for path in (FOLDER / folder).glob('*.py'))


@pytest.fixture(autouse=True)
def mmpretrain_scope():
    init_default_scope('mmpretrain')


@lru_cache(maxsize=None)
def load(name):
    return Config.fromfile(FOLDER / name)


def stand_in(graph):
    """A shipped graph for one with GloVe or fastText vectors, which users build."""
    if not graph.endswith('.npz'):
        return graph
    folder, name = graph.rsplit('/', 1)
    assert folder == 'data/graphs' and name in (
        'voc_glove.npz', 'voc_glove_cooccurrence.npz', 'voc_fasttext.npz',
        'voc_fasttext_cooccurrence.npz', 'coco_cooccurrence.npz')
    if name.startswith('coco'):
        return 'coco'
    return 'voc_cooccurrence' if 'cooccurrence' in name else 'voc'


def small_model(cfg):
    """The model with a narrow ResNet-18 instead of its trunk."""
    model = offline(copy.deepcopy(cfg.model))
    if model.backbone.type == 'ResNet':
        model.backbone.update(depth=18, base_channels=4, stem_channels=4)
        model.head.in_channels = 32
    if model.head.type == 'GCNClsHead':
        model.head.hidden_channels = 8
        model.head.graph = stand_in(model.head.graph)
    return MODELS.build(model)


def intended_rate(name, key):
    """grm.txt section 4.3 and the code behind it; for CPUs, AdamW with the head x10."""
    if 'effnetlite0' in name and Path(name).name.startswith('recam'):
        return 5e-4 if key.startswith('head.predictor') else 5e-6
    if 'effnetlite0' in name:
        return 1e-3 if key.startswith('head.') else 1e-4
    if 'toy' in name:
        return 1e-5 if '/recam_' in name and not key.startswith('head.predictor') else 1e-3
    if '/recam' in name:
        return 5e-4 if key.startswith('head.predictor') else 5e-5
    if key.startswith('head.classifier'):
        return 1.0
    return 0.01 if key.startswith(('head.gcn', 'head.graph')) else 0.1


def test_there_are_configs():
    assert len(NAMES) == 65


@pytest.mark.parametrize('name', NAMES)
def test_one_iteration_at_the_intended_rates(name):
    cfg = load(name)
    model = small_model(cfg).train()
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    rates = {id(p): (group['lr'], group['weight_decay'])
             for group in wrapper.optimizer.param_groups for p in group['params']}
    decay = 0.01 if cfg.optim_wrapper.optimizer.type == 'AdamW' else 1e-4
    for key, param in model.named_parameters():
        if param.requires_grad:
            assert rates[id(param)] == pytest.approx((intended_rate(name, key), decay)), key
    classes = model.head.num_classes
    samples = [DataSample().set_gt_label([0, classes - 1]), DataSample().set_gt_label([1])]
    images = torch.randint(0, 256, (2, 3, 48, 48), dtype=torch.uint8)
    data = model.data_preprocessor(dict(inputs=images, data_samples=samples), True)
    loss, _ = model.parse_losses(model(**data, mode='loss'))
    wrapper.backward(loss)
    assert torch.isfinite(loss)
    for key, param in model.named_parameters():
        assert not param.requires_grad or param.grad is not None, f'{key} gets no gradient'


@pytest.mark.parametrize('name', NAMES)
def test_classes_schedule_and_folders(name):
    cfg = load(name)
    classes = COCO_CLASSES if 'coco' in name else VOC_CLASSES
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        assert DATASETS.get(loader.dataset.type).METAINFO['classes'] == classes
        for transform in loader.dataset.pipeline:
            TRANSFORMS.build(transform)  # raises for an unknown name or argument
    assert cfg.model.head.num_classes == len(classes)
    model = small_model(cfg)
    assert check_class_names(model, classes) == []
    assert cfg.param_scheduler[0]['end'] == cfg.train_cfg.max_iters
    folder = f'work_dirs/{Path(name).stem}/activations'
    assert cfg.test_evaluator.out == cfg.test_dataloader.dataset.skip_stored == folder
    assert isinstance(METRICS.build(cfg.test_evaluator), mmwsss.evaluation.ActivationWriter)
    assert None not in cfg.default_hooks.values()  # mmengine takes None for its own hooks only
    assert cfg.test_evaluator.get('stride', 4) == model.test_cam['stride']


@pytest.mark.parametrize('name', NAMES)
def test_validation_judges_classes_and_maps(name):
    cfg = load(name)
    kinds = [evaluator.type for evaluator in cfg.val_evaluator]
    assert kinds == ['PresentClassAveragePrecision', 'MultiLabelMetric', 'PseudoLabelQuality']
    assert 'f1-score' in cfg.val_evaluator[1]['items']
    seed = cfg.val_evaluator[2]
    assert seed.num_classes == cfg.model.head.num_classes + 1 and seed.missing == 'skip'
    assert seed.masks.startswith(f'{cfg.val_dataloader.dataset.data_root}/')
    METRICS.build(seed)
    assert cfg.model.val_cam == dict(scales=(1.0, ), flip=False, stride=4)
    assert cfg.val_dataloader.sampler.round_up is False  # repeated images would count twice


@pytest.mark.parametrize('name', [name for name in NAMES if '/recam' in name])
def test_recam_starts_from_the_last_checkpoint_of_a_fitting_config(name):
    _, stage1, checkpoint = load(name).load_from.split('/')
    found, = [other for other in NAMES if Path(other).stem == stage1]
    assert checkpoint == f'iter_{load(found).train_cfg.max_iters}.pth'
    ours, theirs = load(name).model, load(found).model
    assert ours.backbone == theirs.backbone and ours.head.pooling == theirs.head.pooling
    assert ours.head.num_classes == theirs.head.num_classes


@pytest.mark.parametrize('name', ['recam/cam_r50_voc.py', 'gcn_cam/gcn-cam_r50_coco.py',
                                  'recam/recam_effnetlite0_vocmini.py', 'recam/cam_r18_toy.py'])
def test_builds_at_full_size(name):
    model = MODELS.build(offline(copy.deepcopy(load(name).model))).eval()
    stride = 8 if 'toy' in name else 16
    with torch.no_grad():
        features = model.extract_feat(torch.zeros(1, 3, 64, 64))[-1]
        assert features.shape[2:] == (64 // stride, 64 // stride)
        assert model.cams(features).shape[1] == model.head.num_classes


def test_published_values():
    gcn = load('gcn_cam/gcn-cam_r50_voc.py')
    assert gcn.optim_wrapper.clip_grad.max_norm == 10
    assert gcn.optim_wrapper.optimizer.momentum == 1e-4
    head = MODELS.build(gcn.model.head)
    assert (head.loss_graph_weight, head.loss_graph.gamma) == (1e-4, 2.0)
    assert (head.graph.mode, head.cam_from, head.cosine_scale) == ('paper', 'main', None)
    assert load('gcn_cam/gcn-cam_r50_coco.py').optim_wrapper.get('clip_grad') is None
    voc, coco = load('recam/recam_r50_voc.py'), load('recam/recam_r50_coco.py')
    assert (voc.model.head.loss_sce_weight, coco.model.head.loss_sce_weight) == (1.0, 0.1)
    assert (voc.model.head.cam_weights, coco.model.head.cam_weights) == ('product', 'classifier')
    stated = load('gcn_cam/gcn-cam_r50_voc_momentum09.py')
    assert stated.optim_wrapper.optimizer.momentum == 0.9 and stated.model == gcn.model
    for gamma in (0.5, 1, 3, 5):
        loss = load(f'gcn_cam/gcn-cam_r50_voc_gamma{gamma}.py').model.head.loss_graph
        assert MODELS.build(loss).gamma == gamma
    for lam in ('2e-4', '1.5e-4', '9.5e-5', '9e-5'):
        name = f'gcn_cam/gcn-cam_r50_voc_lambda{lam}.py'
        assert load(name).model.head.loss_graph_weight == float(lam)


@pytest.mark.parametrize('relations', ['', 'cooccurrence', 'identity'])
@pytest.mark.parametrize('vectors', ['', 'glove', 'fasttext', 'random', 'learned'])
def test_fig_10_is_what_its_name_says(vectors, relations, monkeypatch):
    monkeypatch.setenv('MMWSSS_GRAPHS', '/graphs')
    stem = '_'.join(filter(None, ('gcn-cam_r50_voc', vectors, relations)))
    cfg = Config.fromfile(FOLDER / 'gcn_cam' / f'{stem}.py')
    head = cfg.model.head
    parts = ['voc'] + [vectors] * (vectors in ('glove', 'fasttext'))
    name = '_'.join(parts + [relations] * (relations == 'cooccurrence'))
    assert head.graph == (f'/graphs/{name}.npz' if len(parts) > 1 else name)
    assert head.get('adjacency', 'paper') == ('identity' if relations == 'identity' else 'paper')
    kind = vectors if vectors in ('random', 'learned') else 'graph'
    assert head.get('embeddings', 'graph') == kind
    # and nothing else differs from the published config
    plain = load('gcn_cam/gcn-cam_r50_voc.py')
    assert cfg.optim_wrapper == plain.optim_wrapper and cfg.train_cfg == plain.train_cfg
    assert set(head) <= {*plain.model.head, 'graph', 'adjacency', 'embeddings'}
    ours, theirs = cfg.model.to_dict(), plain.model.to_dict()
    ours['head'] = theirs['head'] = None
    assert ours == theirs


@pytest.mark.parametrize('folder', ['recam', 'gcn_cam'])
def test_listed_in_the_readme(folder):
    text = (FOLDER / folder / 'README.md').read_text()
    for path in (FOLDER / folder).glob('*.py'):
        assert f'`{path.name}`' in text, f'{path.name} is not listed'
