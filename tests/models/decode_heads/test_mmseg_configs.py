"""mmseg's own configs plus three lines, as docs/grm_head.md shows them."""
import re

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS

import mmwsss  # noqa: F401
from mmwsss.models import GRMBackbone, GRMHead
from tests.models.decode_heads.head_cases import FIT, UNFIT, samples
from tests.paths import ROOT

WHOLE_HEAD = """
_base_ = 'mmseg::{}'
custom_imports = dict(imports=['mmwsss'])
model = dict(decode_head=dict(
    _delete_=True, type='GRMHead', graph='voc', head={{{{_base_.model.decode_head}}}}))
"""
WITH_CLASSES = WHOLE_HEAD.replace('model =', '_base_.model.decode_head.num_classes = 21\nmodel =')
CASCADE = """
_base_ = 'mmseg::{}'
custom_imports = dict(imports=['mmwsss'])
model = dict(decode_head=[
    _base_.model.decode_head[0],
    dict(type='GRMHead', graph='voc', head=_base_.model.decode_head[1])])
"""
KNET = """
_base_ = 'mmseg::{}'
custom_imports = dict(imports=['mmwsss'])
model = dict(decode_head=dict(kernel_generate_head=dict(
    _delete_=True, type='GRMHead', graph='voc',
    head=_base_.model.decode_head.kernel_generate_head)))
"""
AFTER_STAGE = """
_base_ = 'mmseg::{}'
custom_imports = dict(imports=['mmwsss'])
model = dict(backbone=dict(
    _delete_=True, type='GRMBackbone', stages=(4, ), graph='voc', backbone=_base_.model.backbone))
"""

SMALL_RESNET = {'depth': 18, 'base_channels': 4, 'stem_channels': 4}
SMALL_SWIN = {'embed_dims': 8, 'depths': [1, 1, 1, 1], 'num_heads': [1, 1, 1, 1]}
SMALL_MIT = {'embed_dims': 4, 'num_heads': [1, 1, 1, 1], 'num_layers': [1, 1, 1, 1]}

# Added lines, mmseg's config, smaller backbone, channels of the maps that it then gives.
CONFIGS = {
    'deeplabv3': (WHOLE_HEAD, 'deeplabv3/deeplabv3_r50-d8_4xb4-20k_voc12aug-512x512.py',
                  SMALL_RESNET, [4, 8, 16, 32]),
    'pspnet': (WHOLE_HEAD, 'pspnet/pspnet_r50-d8_4xb4-20k_voc12aug-512x512.py', SMALL_RESNET,
               [4, 8, 16, 32]),
    'segformer': (WITH_CLASSES, 'segformer/segformer_mit-b0_8xb2-160k_ade20k-512x512.py',
                  SMALL_MIT, [4, 4, 4, 4]),
    'upernet_swin': (
        WITH_CLASSES,
        'swin/swin-tiny-patch4-window7-in1k-pre_upernet_8xb2-160k_ade20k-512x512.py', SMALL_SWIN,
        [8, 16, 32, 64]),
    'ocrnet': (CASCADE, 'ocrnet/ocrnet_hr18_4xb4-20k_voc12aug-512x512.py', None, None),
    'knet': (KNET, 'knet/knet-s3_r50-d8_fcn_8xb2-adamw-80k_ade20k-512x512.py', None, None),
    'after_stage': (AFTER_STAGE, 'deeplabv3/deeplabv3_r50-d8_4xb4-20k_voc12aug-512x512.py',
                    SMALL_RESNET, [4, 8, 16, 32]),
}


def read(tmp_path, name):
    lines, base, *_ = CONFIGS[name]
    (tmp_path / 'config.py').write_text(lines.format(base))
    return Config.fromfile(tmp_path / 'config.py')


def shrink_head(head, channels):
    """The widths of a head for narrow feature maps."""
    head = head.get('head', head)
    if isinstance(head.in_index, (list, tuple)):
        head.in_channels = [channels[i] for i in head.in_index]
    else:
        head.in_channels = channels[head.in_index]
    head.channels = 8


def on_one_process(cfg):
    """SyncBN -> BN, and no weights from the network."""
    if isinstance(cfg, dict):
        if cfg.get('type') == 'SyncBN':
            cfg['type'] = 'BN'
        for key in ('pretrained', 'init_cfg'):
            cfg.pop(key, None)
        for value in cfg.values():
            on_one_process(value)
    elif isinstance(cfg, (list, tuple)):
        for value in cfg:
            on_one_process(value)


@pytest.fixture(autouse=True)
def mmseg_scope():
    with DefaultScope.overwrite_default_scope('mmseg'):
        yield


@pytest.mark.parametrize('name', [name for name, case in CONFIGS.items() if case[2]])
def test_loss_step(tmp_path, name):
    _, _, small, channels = CONFIGS[name]
    model_cfg = read(tmp_path, name).model
    on_one_process(model_cfg)
    backbone = model_cfg.backbone.get('backbone', model_cfg.backbone)
    backbone.update(small)
    shrink_head(model_cfg.decode_head, channels)
    shrink_head(model_cfg.auxiliary_head, channels) if model_cfg.get('auxiliary_head') else None
    model_cfg.data_preprocessor = None
    model = MODELS.build(model_cfg).train()
    model.init_weights()
    size = 64
    image = torch.randn(2, 3, size, size)
    losses = model.loss(image, samples(21, size))
    sum(value for key, value in losses.items() if 'loss' in key).backward()
    inserted = (model.backbone.layer4.grm if name == 'after_stage' else model.decode_head.grm)
    assert isinstance(model.backbone, GRMBackbone) == (name == 'after_stage')
    assert isinstance(model.decode_head, GRMHead) == (name != 'after_stage')
    assert ('decode.loss_coarse' in losses) == (name != 'after_stage')
    for key, parameter in inserted.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, key
    assert len(inserted.class_names) == 20


@pytest.mark.parametrize('name', ['ocrnet', 'knet'])
def test_lists_and_nested_heads(tmp_path, name):
    """Heads in a list or in another head: the head alone, as its config gives it."""
    head = read(tmp_path, name).model.decode_head
    head = head[1] if name == 'ocrnet' else head.kernel_generate_head
    on_one_process(head)
    head.head.update(num_classes=21, channels=8)
    assert isinstance(MODELS.build(head), GRMHead)


def test_docs_show_these_lines():
    """The examples of docs/grm_head.md are the configs above."""
    docs = re.sub(r'\s+', '', (ROOT / 'docs/grm_head.md').read_text())
    for lines, base in {(case[0], case[1]) for key, case in CONFIGS.items()
                        if key in ('deeplabv3', 'ocrnet', 'knet', 'after_stage', 'segformer')}:
        wanted = lines.format(base).split("dict(imports=['mmwsss'])")[1]
        assert re.sub(r'\s+', '', wanted) in docs, wanted


def test_docs_list_every_head():
    """The table says of each head what the tests of its list say."""
    table = dict(re.findall(r'^\|[^`|]*`(\w+)` \| ([^|]+?) \|', (
        ROOT / 'docs/grm_head.md').read_text(), re.M))
    works = {name for name, says in table.items() if says != 'no'}
    assert works == set(FIT) and set(table) == {*FIT, *UNFIT}
    assert [name for name, says in table.items() if says == '`ContextHead` only'] == ['STDCHead']
