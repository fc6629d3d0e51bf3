"""At any moment of a run there is a whole checkpoint and the pointer names one."""
import os

import pytest
import torch
from mmengine.hooks import CheckpointHook
from mmengine.registry import HOOKS

from mmwsss.engine import AtomicCheckpointHook, load_checkpoint_safely
from mmwsss.engine.hooks import atomic_checkpoint_hook
from mmwsss.engine.resume import newest_loadable


def options(**kwargs):
    return {'default_hooks.checkpoint': dict(
        dict(type='AtomicCheckpointHook', by_epoch=False, interval=2), **kwargs)}


def files(runner):
    return sorted(n for n in os.listdir(runner.work_dir) if n.endswith('.pth'))


def pointer(runner):
    with open(os.path.join(runner.work_dir, 'last_checkpoint')) as f:
        return f.read()


def test_is_a_checkpoint_hook_of_the_root_registry():
    assert issubclass(HOOKS.get('AtomicCheckpointHook'), CheckpointHook)


@pytest.mark.parametrize('keep, expected', [(-1, [2, 4, 6]), (1, [6]), (2, [4, 6])])
def test_keeps_what_the_parent_keeps(make_runner, keep, expected):
    for kind in ('AtomicCheckpointHook', 'CheckpointHook'):
        runner = make_runner(options(type=kind, max_keep_ckpts=keep), work_dir=kind, iters=6)
        runner.train()
        assert files(runner) == [f'iter_{i}.pth' for i in expected]
        assert pointer(runner) == os.path.join(runner.work_dir, 'iter_6.pth')
        assert runner.message_hub.get_info('last_ckpt') == pointer(runner)


def test_holds_the_same_as_the_parent_s(make_runner):
    contents = []
    for kind in ('AtomicCheckpointHook', 'CheckpointHook'):
        runner = make_runner({**options(type=kind), 'randomness.seed': 1}, work_dir=kind, iters=2)
        runner.train()
        contents.append(load_checkpoint_safely(pointer(runner)))
    ours, theirs = contents
    assert list(ours) == list(theirs)
    assert ours['meta']['iter'] == theirs['meta']['iter'] == 2
    for key, value in theirs['state_dict'].items():
        assert torch.equal(ours['state_dict'][key], value)


class Killed(BaseException):
    """Stands for kill -9: no handler runs."""


def kill_at(monkeypatch, function, call):
    """Let the ``call``-th call of a function of the hook's module die before it does anything."""
    real, count = getattr(atomic_checkpoint_hook, function), [0]

    def deadly(*args):
        count[0] += 1
        if count[0] == call:
            raise Killed
        return real(*args)

    monkeypatch.setattr(atomic_checkpoint_hook, function, deadly)


@pytest.mark.parametrize('function', ['move_into_place', 'write_text_atomic', '_remove'])
@pytest.mark.parametrize('call', [2, 3])
def test_killed_at_any_step_leaves_a_checkpoint_to_resume_from(
        make_runner, monkeypatch, function, call):
    runner = make_runner(options(max_keep_ckpts=1, interval=1), iters=5)
    with monkeypatch.context() as patch:
        kill_at(patch, function, call)
        with pytest.raises(Killed):
            runner.train()
    chosen = newest_loadable(runner.work_dir)
    assert chosen.path is not None and not chosen.skipped
    assert os.path.exists(pointer(runner))
    again = make_runner({**options(max_keep_ckpts=1, interval=1), 'resume': True,
                         'load_from': chosen.path,
                         'custom_hooks': [dict(type='PreflightHook')]}, iters=5)
    again.train()
    assert files(again) == ['iter_5.pth']
    assert not [n for n in os.listdir(again.work_dir) if n.startswith('.tmp-')]


def test_killed_in_the_middle_of_a_file(make_runner, monkeypatch):
    runner = make_runner(options(max_keep_ckpts=1, interval=1), iters=5)
    real = runner.save_checkpoint

    def half(out_dir, filename, *args, **kwargs):
        real(out_dir, filename, *args, **kwargs)
        if runner.iter == 2:
            path = os.path.join(out_dir, filename)
            os.truncate(path, os.path.getsize(path) // 2)
            raise Killed

    monkeypatch.setattr(runner, 'save_checkpoint', half)
    with pytest.raises(Killed):
        runner.train()
    assert files(runner) == ['iter_2.pth']
    assert newest_loadable(runner.work_dir) == (pointer(runner), [])


def test_killed_while_writing_a_best_checkpoint_keeps_the_previous_best(
        make_runner, monkeypatch):
    hook = AtomicCheckpointHook(by_epoch=False, interval=-1, save_best='mIoU', save_last=False)
    runner = make_runner(iters=1, options={'default_hooks.checkpoint': None})
    runner.register_hook(hook)
    runner.train()
    hook._save_best_checkpoint(runner, dict(mIoU=90.))
    best = hook.best_ckpt_path
    runner.train_loop._iter = 7
    kill_at(monkeypatch, 'move_into_place', 1)
    with pytest.raises(Killed):
        hook._save_best_checkpoint(runner, dict(mIoU=91.))
    assert load_checkpoint_safely(best)['meta']['iter'] == 1


@pytest.mark.parametrize('save_best', ['mIoU', 'auto', ['mIoU', 'mAcc']])
def test_save_best_keeps_the_best_only(make_runner, save_best):
    runner = make_runner(options(save_best=save_best, interval=10), iters=1)
    runner.train()
    hook = next(h for h in runner.hooks if isinstance(h, AtomicCheckpointHook))
    key = 'aAcc' if save_best == 'auto' else 'mIoU'
    for step, value in ((20, 95.), (30, 94.), (40, 96.)):
        runner.train_loop._iter = step
        hook._save_best_checkpoint(runner, dict(mIoU=value, mAcc=value - 100, aAcc=value))
    kept = [f for f in files(runner) if f.startswith(f'best_{key}')]
    assert kept == [f'best_{key}_iter_40.pth']
    assert 'optimizer' not in load_checkpoint_safely(os.path.join(runner.work_dir, kept[0]))
    if isinstance(save_best, list):
        assert sum(f.startswith('best_mAcc') for f in files(runner)) == 1
        assert runner.message_hub.get_info('best_score_mIoU') == 96.
    else:
        saved = load_checkpoint_safely(pointer(runner))
        assert saved['message_hub']['runtime_info']['best_score'] == 96.
        assert saved['message_hub']['runtime_info']['best_ckpt'].endswith(kept[0])


def test_unknown_metric_is_named(make_runner):
    hook = AtomicCheckpointHook(by_epoch=False, save_best='mIou', rule='greater')
    runner = make_runner(options={'default_hooks.checkpoint': None}, iters=1)
    runner.register_hook(hook)
    with pytest.raises(KeyError, match='mIou.*aAcc'):
        runner.train()


def test_epochs_and_published_weights(make_runner):
    runner = make_runner({
        **options(by_epoch=True, interval=1, max_keep_ckpts=1, published_keys=['state_dict']),
        'train_cfg': dict(_delete_=True, type='EpochBasedTrainLoop', max_epochs=2),
        'train_dataloader.sampler.type': 'DefaultSampler', 'param_scheduler': []})
    runner.train()
    whole, published = sorted(files(runner), key=len)
    assert whole == 'epoch_2.pth' and published.startswith('epoch_2-')
    assert list(load_checkpoint_safely(os.path.join(runner.work_dir, published))) == ['state_dict']
