"""Every config: parses, builds, trains what it should at the rate it should, for one iteration."""
from functools import lru_cache

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

import mmwsss  # noqa: F401
from mmwsss.engine.preflight import check_class_names, check_num_classes
from tests.configs.shrink import CROP, class_names, model_config, small_model_config
from tests.paths import ROOT

FOLDER = ROOT / 'configs'
CLASSIFIERS = ('recam', 'gcn_cam', 'pgnn')  # see test_cls_configs.py, test_pgnn_configs.py
PSEUDO_LABELS = ('irn', 'retrain')  # see test_irn_configs.py, test_retrain_configs.py
PIPELINES = ('pipelines', )  # see test_pipelines.py
NAMES = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.glob('[!_]*/*.py')
               if path.parent.name not in CLASSIFIERS + PSEUDO_LABELS + PIPELINES)


@pytest.fixture(scope='module', params=NAMES)
def name(request):
    """All tests of one config come after each other, so that its model is built once."""
    return request.param


@pytest.fixture(scope='module')
def full_model(name):
    """The model at its published size."""
    init_default_scope('mmseg')
    return MODELS.build(model_config(load(name)))


@pytest.fixture(autouse=True)
def mmseg_scope():
    init_default_scope('mmseg')


@lru_cache(maxsize=None)
def load(name):
    return Config.fromfile(FOLDER / name)


# ---------------------------------------------------------------- what each family intends

def deeplabv2_rates(name):
    """GRM paper, section 4.3, and the code that it builds on."""
    if '.grm.' in name or '.context.' in name:
        return 1e-4, 5e-4
    if '.aspp.' in name:
        return (5e-3, 0.) if name.endswith('bias') else (2.5e-3, 5e-4)
    if '.conv_seg.' in name:
        return 2.5e-3, 5e-4
    assert name.startswith('backbone.'), name
    return 2.5e-4, 5e-4


def largefov_rates(name):
    rate = 1e-2 if '.conv_seg.' in name else 1e-3
    return (2 * rate, 0.) if name.endswith('bias') else (rate, 5e-4)


def small_rates(name):
    return 3e-3, 0.01


def mmseg_sgd_rates(name):
    return 0.01, 5e-4


def segformer_rates(name):
    if name.startswith('decode_head.'):  # 'head' comes before 'norm', as in mmseg's own config
        return 6e-4, 0.01
    return 6e-5, 0. if 'pos_block' in name or 'norm' in name else 0.01


def swin_rates(name):
    free = ('absolute_pos_embed', 'relative_position_bias_table', 'norm')
    return 6e-5, 0. if any(key in name for key in free) else 0.01


RATES = {
    'deeplabv2_r101': deeplabv2_rates,
    'deeplabv2_vgg16': largefov_rates,
    'deeplabv2_effnetlite0': small_rates,
    'deeplabv2_r18': small_rates,
    'deeplabv3_r50': mmseg_sgd_rates,
    'pspnet_r50': mmseg_sgd_rates,
    'segformer': segformer_rates,
    'upernet_swin': swin_rates,
}


def rates_of(config_name):
    family = [key for key in RATES if config_name.split('/')[-1].startswith(key)]
    assert len(family) == 1, f'{config_name} has no intended rates in this test'
    return RATES[family[0]]


def is_frozen(config_name, name):
    """Parameters that are meant to stay as they are."""
    if 'r101' in config_name:
        module = name.split('.')[-2]
        return name.startswith('backbone.') and (
            module.startswith('bn') or '.downsample.1.' in name)
    if 'effnetlite0' in config_name:
        return name.startswith('backbone.') and '.grm.' not in name
    return False


# ---------------------------------------------------------------- tests

def test_there_are_configs():
    assert len(NAMES) > 25


def test_every_parameter_has_the_intended_rate(name, full_model):
    model, cfg = full_model, load(name)
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper).optimizer
    groups = {}
    for group in optimizer.param_groups:
        for param in group['params']:
            assert id(param) not in groups, 'a parameter is in two groups'
            groups[id(param)] = (group['lr'], group['weight_decay'])
    expected = rates_of(name)
    for key, param in model.named_parameters():
        assert param.requires_grad is not is_frozen(name, key), key
        if param.requires_grad:
            assert groups[id(param)] == pytest.approx(expected(key)), key


def test_classes_fit_the_data(name, full_model):
    model, classes = full_model, class_names(load(name))
    assert check_num_classes(model, classes) == []
    assert check_class_names(model, classes) == []
    assert len(classes) == model.num_classes


def test_one_iteration_of_a_shrunk_copy(name):
    cfg = load(name)
    model = MODELS.build(small_model_config(cfg)).train()
    optim_wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    before = {key: param.detach().clone() for key, param in model.named_parameters()}
    data = model.data_preprocessor(fake_batch(model.num_classes), training=True)
    losses = model.loss(**data)
    loss, _ = model.parse_losses(losses)
    assert torch.isfinite(loss)
    optim_wrapper.backward(loss)
    moved = set()
    for key, param in model.named_parameters():
        if param.requires_grad:
            assert param.grad is not None, f'{key} gets no gradient'
            assert torch.isfinite(param.grad).all(), key
            # smaller ones may vanish in the rounding of the step
            moved.update([key] if param.grad.abs().max() > 1e-3 else [])
    optim_wrapper.step()
    for key, param in model.named_parameters():
        if not param.requires_grad:
            assert torch.equal(param, before[key]), f'{key} is frozen but moved'
        elif key in moved:
            assert not torch.equal(param, before[key]), f'{key} did not move'
    assert any('decode_head' in key for key in moved)


def fake_batch(num_classes, count=2):
    samples = []
    for _ in range(count):
        labels = torch.randint(0, num_classes, (1, *CROP))
        labels[:, :5] = 255
        samples.append(SegDataSample(
            metainfo=dict(img_shape=CROP, ori_shape=CROP), gt_sem_seg=PixelData(data=labels)))
    images = [torch.randint(0, 256, (3, *CROP), dtype=torch.uint8) for _ in range(count)]
    return dict(inputs=images, data_samples=samples)


def test_graph_convolutions_are_trained(name, full_model):
    """The published code leaves them out of the optimiser."""
    optimizer = build_optim_wrapper(full_model, load(name).optim_wrapper).optimizer
    trained = {id(param) for group in optimizer.param_groups for param in group['params']}
    grm = {key: param for key, param in full_model.named_parameters() if '.grm.' in key}
    assert bool(grm) is ('grm' in name.split('/')[-1])
    assert any('.encoder.' in key for key in grm) or not grm
    assert all(id(param) in trained for param in grm.values())


def test_listed_in_the_readme_of_its_folder(name):
    folder, file = name.split('/')
    assert f'`{file}`' in (FOLDER / folder / 'README.md').read_text(), f'{file} is not listed'


def test_readable_as_dumped(name):
    """A run dumps its config into the work dir; resuming reads that."""
    cfg = load(name)
    again = Config.fromstring(cfg.pretty_text, '.py')
    assert again.model == cfg.model and again.train_dataloader == cfg.train_dataloader

