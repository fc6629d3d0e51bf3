"""A resumed run has the losses and weights of an undisturbed one."""
import os
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook

from mmwsss.engine.hooks import ExactResumeHook

SAFE = {'custom_hooks': [dict(type='PreflightHook'), dict(type='ExactResumeHook')],
        'default_hooks.checkpoint.type': 'AtomicCheckpointHook',
        'train_dataloader.sampler.type': 'ResumableInfiniteSampler'}


class Record(Hook):

    def __init__(self):
        self.losses, self.images = [], []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.images.append([s.img_path for s in data_batch['data_samples']])

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.losses.append(float(outputs['loss']))


class Stop(Hook):

    def __init__(self, before):
        self.before = before

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if batch_idx == self.before:
            raise KeyboardInterrupt


def train(make_runner, options=None, *hooks, **kwargs):
    runner, record = make_runner({**SAFE, **(options or {})}, **kwargs), Record()
    for hook in (record, *hooks):
        runner.register_hook(hook)
    runner.train()
    return runner, record


@pytest.mark.parametrize('seed', [5, None])
def test_losses_go_on_as_if_never_stopped(make_runner, seed):
    whole, expected = train(make_runner, dict(randomness=dict(seed=5)), work_dir='whole', iters=8)
    start = dict(randomness=dict(seed=5))
    train(make_runner, start, work_dir='cut', iters=4)
    # without a seed in the config the one of the checkpoint must be found
    again = {'randomness': dict(seed=seed), 'resume': True}
    runner, record = train(make_runner, again, work_dir='cut', iters=8)
    assert record.images == expected.images[4:]
    assert record.losses == expected.losses[4:]
    for a, b in zip(whole.model.parameters(), runner.model.parameters()):
        assert torch.equal(a, b)


def test_accumulated_gradients_go_on_as_if_never_stopped(make_runner):
    options = {'randomness': dict(seed=5), 'optim_wrapper.accumulative_counts': 2,
               'default_hooks.checkpoint.interval': 2}
    whole, expected = train(make_runner, options, work_dir='whole', iters=7)
    once, _ = train(make_runner, {'randomness': dict(seed=5)}, work_dir='once', iters=7)
    killed = Stop(before=5)  # the fifth iteration's gradients wait for the sixth's
    with pytest.raises(KeyboardInterrupt):
        train(make_runner, options, killed, work_dir='cut', iters=7)
    runner, record = train(make_runner, {**options, 'resume': True}, work_dir='cut', iters=7)
    assert record.images == expected.images[4:] and record.losses == expected.losses[4:]
    same = [torch.equal(a, b) for a, b in zip(whole.model.parameters(),
                                              runner.model.parameters())]
    assert all(same)
    assert not all(torch.equal(a, b) for a, b in zip(whole.model.parameters(),
                                                     once.model.parameters()))


@pytest.mark.parametrize('interval, warned', [(3, True), (4, False)])
def test_checkpoints_between_accumulated_gradients_are_warned_of(make_runner, interval, warned):
    runner = make_runner({**SAFE, 'optim_wrapper.accumulative_counts': 2,
                          'default_hooks.checkpoint.interval': interval}, iters=1)
    said = []
    runner.logger.warning = said.append
    runner.train()
    assert any('let the interval be a multiple of 2' in text for text in said) is warned


def test_the_test_would_notice_random_resumption(make_runner):
    _, expected = train(make_runner, dict(randomness=dict(seed=5)), work_dir='whole', iters=4)
    _, other = train(make_runner, dict(randomness=dict(seed=6)), work_dir='other', iters=4)
    assert other.losses != expected.losses and other.images != expected.images


def test_validation_in_between_changes_nothing(make_runner):
    runs = [train(make_runner, dict(randomness=dict(seed=5)), work_dir=str(v), iters=6,
                  val_interval=v)[1] for v in (1, 50)]
    assert runs[0].losses == runs[1].losses


def test_resumes_at_the_same_sample_with_another_batch_size(make_runner):
    _, expected = train(make_runner, dict(randomness=dict(seed=5)), work_dir='whole', iters=8)
    train(make_runner, dict(randomness=dict(seed=5)), work_dir='cut', iters=4)
    for iters, size in ((6, 2), (7, 4)):
        runner, record = train(
            make_runner, {'resume': True, 'train_dataloader.batch_size': size},
            work_dir='cut', iters=iters)
    # 4 iterations of 4, 2 of 2, then one of 4: samples 20 to 23, the undisturbed run's sixth batch
    assert record.images == expected.images[5:6]


def test_batches_already_used_are_not_loaded_again(make_runner, monkeypatch):
    from mmwsss.datasets import VOC12SegDataset
    train(make_runner, work_dir='cut', iters=6)
    loaded = []
    real = VOC12SegDataset.prepare_data
    monkeypatch.setattr(VOC12SegDataset, 'prepare_data',
                        lambda self, i: (loaded.append(i), real(self, i))[1])
    train(make_runner, {'resume': True}, work_dir='cut', iters=7, val_interval=50)
    assert len(loaded) == 4 + 6  # the seventh batch, and validation at the end


def test_other_samplers_and_loops_are_left_alone(make_runner):
    options = {'train_dataloader.sampler.type': 'InfiniteSampler', 'resume': True}
    for iters in (2, 4):
        runner, _ = train(make_runner, options, work_dir='plain', iters=iters)
    assert runner.iter == 4
    epochs = {'train_cfg': dict(_delete_=True, type='EpochBasedTrainLoop', max_epochs=2),
              'train_dataloader.sampler.type': 'DefaultSampler', 'param_scheduler': [],
              'default_hooks.checkpoint.by_epoch': True}
    runner, _ = train(make_runner, epochs, work_dir='epochs')
    assert os.path.exists(os.path.join(runner.work_dir, 'epoch_2.pth'))


def test_iterations_are_seeded_whatever_was_drawn_before():
    def draw(iteration, seed=1):
        runner = SimpleNamespace(seed=seed, iter=iteration)
        ExactResumeHook().before_train_iter(runner, 0)
        return float(torch.rand(())), random.random(), float(np.random.rand())

    first = draw(3)
    draw(4), torch.rand(7), random.random(), np.random.rand(5)
    assert draw(3) == first
    for other in (draw(4), draw(3, seed=2)):
        assert all(a != b for a, b in zip(first, other))


def test_seeding_can_be_left_to_the_run(make_runner):
    hook = ExactResumeHook(seed_iterations=False)
    torch.manual_seed(0)
    before = torch.get_rng_state()
    hook.before_train_iter(None, 0)
    assert torch.equal(torch.get_rng_state(), before)
