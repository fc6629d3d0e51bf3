"""The picture of a group: edges across images, maps before and after."""
import importlib.util

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from PIL import Image

import mmwsss  # noqa: F401
from mmwsss.datasets.image_labels import ImageLabels
from tests.paths import ROOT


@pytest.fixture(scope='module')
def tool():
    spec = importlib.util.spec_from_file_location(
        'draw_patch_graph', ROOT / 'tools' / 'draw_patch_graph.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def run(tmp_path):
    """Arguments of a tiny model on three images."""
    for name in 'xyz':
        pixels = np.random.RandomState(ord(name)).randint(0, 256, (20, 30, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f'{name}.png')
    ImageLabels(['cat', 'dog'], dict(x=['cat'], y=['cat', 'dog'], z=['cat'])).save(
        tmp_path / 'labels.json')
    cfg = Config(dict(
        default_scope='mmpretrain',
        model=dict(
            type='PGNNClassifier',
            data_preprocessor=dict(type='ClsDataPreprocessor', mean=[80.] * 3, std=[60.] * 3),
            backbone=dict(type='ResNet', depth=18, stem_channels=4, base_channels=4),
            head=dict(type='PGNNHead', num_classes=2, in_channels=32, patches=2,
                      graph=dict(channels=8, zero_init=False))),
        test_dataloader=dict(dataset=dict(
            type='ImageLabelDataset', label_file='labels.json', data_root=str(tmp_path),
            test_mode=True, pipeline=[]))))
    cfg.dump(tmp_path / 'tiny.py')
    init_default_scope('mmpretrain')
    model = MODELS.build(cfg.model)
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'tiny.pth')
    return [str(tmp_path / 'tiny.py'), str(tmp_path / 'tiny.pth'),
            '--out', str(tmp_path / 'pictures' / 'group.png'), '--size', '64']


def test_draws(tool, run, tmp_path, capsys):
    assert tool.main([*run, '--class', 'cat']) == 0
    assert 'group.png: x, y, z' in capsys.readouterr().out
    with Image.open(tmp_path / 'pictures' / 'group.png') as image:
        assert image.size[0] > 300 and len(np.unique(np.asarray(image))) > 50


def test_says_what_is_wrong(tool, run, capsys):
    for options, reason in ((['--class', 'cow'], "'cow' is no class"),
                            (['--class', 'dog'], '1 images'),
                            (['--class', 'cat', '--images', 'x', 'w'], "'w' is not")):
        assert tool.main([*run, *options]) == 2
        assert reason in capsys.readouterr().err


def test_strongest_edges_across_images(tool):
    edges = np.random.RandomState(0).rand(6, 6)
    across = sorted(((edges[a, b], a, b) for a in range(6) for b in range(6)
                     if a // 2 != b // 2), reverse=True)
    found = tool.strongest(edges, 2, 5)
    assert [(w, a, b) for a, b, w in found] == across[:5]
