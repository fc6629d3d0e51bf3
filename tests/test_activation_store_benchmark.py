"""benchmarks/activation_store.py: the forms that it compares are the model's own maps."""
import importlib.util

import numpy as np
import pytest
import torch
from mmengine.registry import MODELS, init_default_scope
from PIL import Image

import mmwsss  # noqa: F401
from mmwsss.datasets import ImageLabels

from .paths import ROOT

_SPEC = importlib.util.spec_from_file_location(
    'activation_store_benchmark', ROOT / 'benchmarks' / 'activation_store.py')
benchmark = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(benchmark)

CONFIG = """
default_scope = 'mmpretrain'
model = dict(
    type='CAMClassifier', test_cam=dict(scales=(1.0, 0.5)),
    data_preprocessor=dict(mean=[120.] * 3, std=[60.] * 3, to_rgb=True),
    backbone=dict(type='ResNet', depth=18, base_channels=4, stem_channels=4, strides=(1, 2, 2, 1)),
    head=dict(type='CAMHead', num_classes=2, in_channels=32))
test_dataloader = dict(dataset=dict(
    type='ImageLabelDataset', data_root={root!r}, label_file='labels.json', data_prefix='images',
    test_mode=True, skip_stored='never', pipeline=[
        dict(type='LoadAnyImage'),
        dict(type='PackInputs', meta_keys=('img_path', 'image_id', 'ori_shape'))]))
"""
SIZES = {'a': (150, 203), 'b': (160, 128), 'c': (96, 96)}


@pytest.fixture
def root(tmp_path):
    rng = np.random.default_rng(0)
    for folder in ('images', 'masks'):
        (tmp_path / folder).mkdir()
    for name, size in SIZES.items():
        coarse = rng.integers(0, 256, (6, 7, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize(size[::-1], Image.Resampling.BICUBIC).save(
            tmp_path / 'images' / f'{name}.png')
        mask = rng.choice([0, 1, 2, 255], size).astype(np.uint8)
        Image.fromarray(mask).save(tmp_path / 'masks' / f'{name}.png')
    ImageLabels(('cat', 'dog'), {'a': ['cat'], 'b': ['cat', 'dog'], 'c': []}).save(
        tmp_path / 'labels.json')
    (tmp_path / 'config.py').write_text(CONFIG.format(root=str(tmp_path)))
    return tmp_path


def test_table(root, capsys):
    benchmark.main([str(root / 'config.py'), '--masks', str(root / 'masks')])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith('| ')]
    rows = {cells[0]: cells[1:] for cells in (
        [cell.strip() for cell in line.strip('|').split('|')] for line in lines)}
    published = 4 * (150 * 203 + 2 * 160 * 128)
    assert rows['float32, size of the image'][:2] == [f'{published / 3:.0f}', '1.0']
    coarse = 4 * (38 * 51 + 2 * 40 * 32)
    assert rows['float32, stride 4'][0] == f'{coarse / 3:.0f}'
    eight, sixteen = rows['store, stride 4, 8 bits'], rows['store, stride 4, 16 bits']
    assert float(eight[1]) > 25 and float(eight[1]) > float(sixteen[1])
    assert abs(float(sixteen[3]) - float(rows['float32, stride 4'][3])) < 0.02


def test_maps_of_both_strides_are_the_models_own(root):
    init_default_scope('mmpretrain')
    args = benchmark.parse_args([str(root / 'config.py'), '--masks', str(root / 'masks')])
    model, dataset = benchmark.build(args)
    inputs = torch.randn(1, 3, 150, 203)
    with torch.no_grad():
        for stride, maps in zip((1, 4), benchmark.maps_at(model, inputs, (1, 4))):
            expected, _ = model.multi_scale_cams(inputs, (1.0, 0.5), True, stride)
            torch.testing.assert_close(maps, expected, rtol=0, atol=0)
    assert len(dataset) == 3 and isinstance(model, MODELS.get('CAMClassifier'))


def test_a_missing_mask_is_named(root):
    (root / 'masks' / 'b.png').unlink()
    with pytest.raises(ValueError, match='b.png: no true mask'):
        benchmark.main([str(root / 'config.py'), '--masks', str(root / 'masks')])
