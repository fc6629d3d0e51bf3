"""What stays in a stage's config."""
from types import SimpleNamespace

import pytest

from mmwsss.engine.hooks import SiblingNodesHook
from mmwsss.engine.launch import load_config
from mmwsss.engine.pipeline.stage_config import resolve_config

from ...paths import ROOT

PAPER = 'configs/pgnn/pgnn_effnetlite0_paper_vocmini.py'


def sibling_hook(cfg):
    return next(hook for hook in cfg.custom_hooks if hook['type'] == 'SiblingNodesHook')


@pytest.mark.parametrize('options', [{}, {
    'train_dataloader.dataset.ann_file': 'some.txt', 'test_dataloader.dataset.pipeline.0': dict(
        type='LoadImageFromFile', color_type='grayscale')}])
def test_a_test_takes_siblings_from_the_images_of_the_training(options):
    whole = load_config(PAPER, str(ROOT))
    whole.merge_from_dict(dict(options))
    test = resolve_config(PAPER, str(ROOT), {}, options, seed=0, outputs={}, train=False)
    assert 'train_dataloader' not in test
    built = SiblingNodesHook(**{k: v for k, v in sibling_hook(test).items() if k != 'type'})
    images = built._dataset_of(SimpleNamespace(cfg=test))
    assert images['ann_file'] == whole.train_dataloader.dataset.ann_file
    assert images['pipeline'] == whole.test_dataloader.dataset.pipeline
    assert images['test_mode'] is True
    assert images == SiblingNodesHook()._dataset_of(SimpleNamespace(cfg=whole))


def test_images_named_for_siblings_are_kept():
    mine = dict(type='WeakVOCDataset', ann_file='mine.txt')
    whole = load_config(PAPER, str(ROOT))
    place = whole.custom_hooks.index(sibling_hook(whole))
    test = resolve_config(PAPER, str(ROOT), {}, {f'custom_hooks.{place}.dataset': mine}, seed=0,
                          outputs={}, train=False)
    assert sibling_hook(test)['dataset'] == mine


def test_a_training_chooses_its_own_siblings():
    train = resolve_config(PAPER, str(ROOT), {}, {}, seed=0, outputs={})
    assert 'dataset' not in sibling_hook(train)
