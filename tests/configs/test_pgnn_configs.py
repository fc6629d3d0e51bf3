"""Every P-GNN config: builds, trains one step, and is what its name says."""
import copy
import re
from functools import lru_cache
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DATASETS, HOOKS, METRICS, MODELS, TRANSFORMS, init_default_scope
from mmpretrain.structures import DataSample

import mmwsss  # noqa: F401
from mmwsss.datasets.crop_geometry import META_KEYS
from tests.configs.shrink import offline
from tests.paths import ROOT

FOLDER = ROOT / 'configs' / 'pgnn'
NAMES = sorted(path.stem for path in FOLDER.glob('*.py'))


@pytest.fixture(autouse=True)
def mmpretrain_scope():
    init_default_scope('mmpretrain')


@lru_cache(maxsize=None)
def load(name):
    return Config.fromfile(FOLDER / f'{name}.py')


def small_model(cfg):
    """The head on a narrow ResNet-18, with few channels."""
    model = offline(copy.deepcopy(cfg.model))
    model.backbone = dict(type='ResNet', depth=18, base_channels=4, stem_channels=4,
                          strides=(1, 2, 2, 1))
    model.head.in_channels = 32
    if model.head.get('graph'):
        model.head.graph.channels = 8
    return MODELS.build(model)


def test_there_are_configs():
    assert len(NAMES) == 74


@pytest.mark.parametrize('name', NAMES)
def test_one_step_of_a_group(name):
    cfg = load(name)
    assert cfg.model.type == 'PGNNClassifier'
    model = small_model(cfg).train()
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    sample = DataSample().set_gt_label([0, 1])
    sample.set_field(torch.rand(2, 4, 4), 'attention')
    sample.set_field([0, 1], 'attention_classes', field_type='metainfo')
    images = torch.randint(0, 256, (3, 3, 48, 48), dtype=torch.uint8)
    samples = [copy.deepcopy(sample) for _ in range(3)]
    data = model.data_preprocessor(dict(inputs=images, data_samples=samples), True)
    losses = model(**data, mode='loss')
    assert ('loss_keep' in losses) is (cfg.model.head.get('loss_sc') is not None)
    loss, _ = model.parse_losses(losses)
    wrapper.backward(loss)
    assert torch.isfinite(loss)
    lacking = [key for key, param in model.named_parameters()
               if param.requires_grad and param.grad is None]
    assert not lacking


# Forms whose graph, or context vector, learns at ten times the rate of the trunk.
FAST = re.compile('fast|rough|_erasemaps|_centered|_paper_(graph_)?vocmini')


@pytest.mark.parametrize('name', [n for n in NAMES if load(n).model.head.get('context') != 'none'])
def test_rate_of_the_graph(name):
    cfg = load(name)
    model = small_model(cfg)
    context = 'graph' if model.head.graph is not None else 'vector'
    groups = build_optim_wrapper(model, cfg.optim_wrapper).optimizer.param_groups
    rate = {id(param): group['lr'] for group in groups for param in group['params']}
    ours = {rate[id(param)] for param in getattr(model.head, context).parameters()}
    trunk = {rate[id(param)] for param in model.backbone.parameters()}
    classifier = rate[id(model.head.classifier.weight)]
    factor = 1 if name == 'pgnn_r18_toy' else 10  # which learns from scratch
    assert len(trunk) == 1 and classifier == pytest.approx(factor * min(trunk))
    assert ours == trunk if not FAST.search(name) else ours == {classifier}


@pytest.mark.parametrize('name', NAMES)
def test_data_hooks_and_folders(name):
    cfg = load(name)
    head, sampler = cfg.model.head, cfg.train_dataloader.sampler
    classes = 80 if 'coco' in name else 20
    assert head.num_classes == classes
    assert sampler.type == 'SameClassBatchSampler' and sampler.group_size == head.group_size == 3
    assert cfg.train_dataloader.batch_size == 15
    assert sampler.get('same_class', True) is ('random' not in name)
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        assert len(DATASETS.get(loader.dataset.type).METAINFO['classes']) == classes
        assert loader.dataset.pipeline[0].type == 'LoadAnyImage'
        for transform in loader.dataset.pipeline:
            TRANSFORMS.build(transform)
        proposals = any(t.type == 'LoadProposals' for t in loader.dataset.pipeline)
        assert proposals is ('proposals' in name) is (head.get('max_boxes') is not None)
    pack = cfg.train_dataloader.dataset.pipeline[-1]
    assert tuple(pack.meta_keys) == META_KEYS
    hooks = [hook.type for hook in cfg.custom_hooks]
    assert hooks[:2] == ['PreflightHook', 'ExactResumeHook']
    assert ('AttentionMemoryHook' in hooks) is (head.get('loss_sc') is not None)
    assert ('SiblingNodesHook' in hooks) is (head.get('inference', 'single') == 'group')
    for hook in cfg.custom_hooks:
        HOOKS.build(hook)
    folder = f'work_dirs/{name}/activations'
    assert cfg.test_evaluator.out == cfg.test_dataloader.dataset.skip_stored == folder
    kinds = [METRICS.build(e).__class__.__name__ for e in cfg.val_evaluator]
    assert kinds == ['PresentClassAveragePrecision', 'MultiLabelMetric', 'PseudoLabelQuality',
                     'EmbeddingLeak']
    assert cfg.param_scheduler[0]['end'] == cfg.train_cfg.max_iters
    assert cfg.val_evaluator[2].num_classes == classes + 1


def small_head(name):
    """Options of a head, with the defaults that make it comparable."""
    head = load(f'pgnn_effnetlite0_{name}').model.head.to_dict()
    return {**dict(pooling='gap', context='graph', loss_sc=None), **head}


@pytest.mark.parametrize('variant, change', [
    ('cam', dict(context='none', graph=None)), ('own', dict(scope='own')),
    ('self', dict(scope='self')), ('random', {}), ('vector', dict(context='vector')),
])
def test_controls_differ_in_one_thing(variant, change):
    for pooling in ('gap', 'topk'):
        suffix = '' if pooling == 'gap' else f'{pooling}_'
        graph, ours = small_head(f'graph_{suffix}vocmini'), small_head(
            f'{variant}_{suffix}vocmini')
        assert graph['pooling'] == ours['pooling'] == pooling
        expected = dict(graph)
        if 'scope' in change:
            expected['graph'] = dict(graph['graph'], **change)
        else:
            expected.update(change)
        assert {k: v for k, v in ours.items() if v is not None} == {
            k: v for k, v in expected.items() if v is not None}


def resolved(name):
    """Network and rates of a small config."""
    cfg = load(f'pgnn_effnetlite0_{name}vocmini')
    return cfg.model.head.to_dict(), cfg.optim_wrapper.paramwise_cfg.custom_keys.to_dict()


def test_forms_with_the_loss_differ_in_what_they_are_named_after():
    head, rates = resolved('')
    assert head['graph']['center'] and 'erase' not in head  # class maps, by default
    assert MODELS.build(head).erase == 'maps' and rates['head.graph'] == dict(lr_mult=1.)
    for name, change in (('own_sc_', dict(scope='own')), ('random_sc_', {}),
                         ('uncentered_', dict(center=False))):
        ours, same_rates = resolved(name)
        assert same_rates == rates
        assert ours == dict(head, graph=dict(head['graph'], **change))
    for name, erase, center, rate in (
            ('rough', 'features', False, 10), ('slow', 'features', False, 1),
            ('erasemaps', 'maps', False, 10), ('centered', 'features', True, 10),
            ('centered_erasemaps', 'maps', True, 10), ('paper', 'features', False, 10)):
        ours, rates = resolved(f'{name}_')
        assert (ours['erase'], ours['graph']['center']) == (erase, center), name
        assert rates['head.graph'] == dict(lr_mult=float(rate)), name


@pytest.mark.parametrize('slow, fast', [('graph', 'fast'), ('own', 'own_fast'),
                                        ('random', 'random_fast'), ('vector', 'vector_fast')])
def test_fast_forms_differ_in_the_rate(slow, fast):
    (ours, rates), (theirs, fast_rates) = resolved(f'{slow}_'), resolved(f'{fast}_')
    part = 'head.vector' if slow == 'vector' else 'head.graph'
    assert ours == theirs
    assert rates[part] == dict(lr_mult=1.) and fast_rates[part] == dict(lr_mult=10.)


def test_all_small_ones_train_on_the_same_stream():
    loaders = [load(name).train_dataloader.to_dict() for name in NAMES if 'vocmini' in name]
    for loader in loaders:
        loader['sampler'].pop('same_class', None)
        loader['dataset']['pipeline'] = [
            {k: v for k, v in t.items() if k != 'algorithm_keys'}
            for t in loader['dataset']['pipeline'] if t['type'] != 'LoadProposals']
    assert all(loader == loaders[0] for loader in loaders)


def test_tables_5_and_6_and_the_literal_reading():
    for kind in ('vgg16_patches{}_voc', 'effnetlite0_patches{}_topk_vocmini',
                 'effnetlite0_patches{}_vocmini'):
        for count in (4, 36, 64):
            assert load('pgnn_' + kind.format(count)).model.head.patches**2 == count
    rows = [(1, 1, 1, 1), (1, 1, 1, .8), (1, .8, 1, 1), (.8, 1, 1, 1)]
    for network, data in (('vgg16', 'voc'), ('effnetlite0', 'vocmini')):
        named = [name for name in NAMES if re.match(f'pgnn_{network}_lambda.*_{data}$', name)]
        found = [tuple(load(name).model.head.loss_sc.weights) for name in named]
        assert sorted(found) == sorted(rows)
    for name in ('vgg16_paper_voc', 'r101_paper_voc', 'effnetlite0_paper_vocmini'):
        head = MODELS.build(load(f'pgnn_{name}').model.head)
        assert (head.graph.class_embedding, head.inference, head.remask) == ('all', 'group', False)
        assert head.erase == 'features' and not head.graph.center
        assert head.graph.query is None and head.graph.out.weight.abs().sum() > 0
        assert head.loss_sc.options['weights'] == (1, 1, 0.8, 1)
        assert head.loss_sc.options['reduction'] == 'mean'
        assert head.pooling == dict(kind='gap')


def test_weights_of_the_loss_keep_the_balance_of_the_sum():
    """Mean over C classes and 1 / C of the other terms, or the sum and all of them."""
    for name in NAMES:
        loss = load(name).model.head.get('loss_sc')
        if loss is None or 'paper' in name:
            continue
        classes = load(name).model.head.num_classes
        reduction = loss.get('reduction', 'sum')
        expected = 1 if reduction == 'sum' else 1 / classes
        assert loss.get('scale', 1) == pytest.approx(expected), name


@pytest.mark.parametrize('name', ['pgnn_vgg16_voc', 'pgnn_effnetlite0_topk_vocmini',
                                  'pgnn_r18_toy'])
def test_builds_at_full_size(name):
    model = MODELS.build(offline(copy.deepcopy(load(name).model))).eval()
    with torch.no_grad():
        features = model.extract_feat(torch.zeros(1, 3, 64, 64))
        stride = 16 if 'effnet' in name else 8
        assert model.cams(features).shape == (1, 20, 64 // stride, 64 // stride)


def test_listed_in_the_readme():
    text = (FOLDER / 'README.md').read_text()
    for name in NAMES:
        assert f'`{Path(name).name}.py`' in text, f'{name} is not listed'
