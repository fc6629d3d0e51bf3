"""A resumed run repeats the run that was never stopped."""
import random
from typing import Any, Optional

import numpy as np
import torch
from mmengine.dist import get_rank, get_world_size
from mmengine.hooks import CheckpointHook, Hook
from mmengine.registry import HOOKS
from mmengine.runner import IterBasedTrainLoop

from mmwsss.datasets.samplers import ResumableInfiniteSampler, mix_seed

from ..placed_batches import PlacedBatches

_KEY = 'data_stream'


@HOOKS.register_module()
class ExactResumeHook(Hook):
    """Makes data order and randomness a function of seed and iteration.

    * The training stream: the checkpoint records the sampler's seed and how many samples were
      used; on resume :class:`ResumableInfiniteSampler` starts right there, without loading what
      was trained on already.
    * Randomness in the model (dropout, ...): every iteration is seeded from (seed, rank,
      iteration), so it does not matter what validation or an earlier process drew in between.

    With ``VOC12SegDataset`` or ``COCO14SegDataset``, whose augmentations are seeded by the
    position in the stream, a run killed and resumed at a checkpoint has the losses of an
    undisturbed one, up to the non-determinism of the kernels (none on CPU). With gradient
    accumulation let the checkpoint interval be a multiple of ``accumulative_counts``, which a
    warning recalls: half-accumulated gradients are in no checkpoint.

    Args:
        seed_iterations (bool): Whether to seed every iteration. Default True.
    """

    # after the checkpoint is loaded, before other hooks draw numbers
    priority = 'VERY_HIGH'

    def __init__(self, seed_iterations: bool = True) -> None:
        self.seed_iterations = seed_iterations
        self.origin = (0, 0)  # iteration and sample from which batches are counted
        self.resumed: Optional[dict] = None

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        self.resumed = checkpoint.get(_KEY)

    def before_train(self, runner) -> None:
        loop, sampler = runner.train_loop, _sampler(runner.train_loop)
        _warn_of_half_accumulated_gradients(runner)
        if runner.iter == 0 or sampler is None or not isinstance(loop, IterBasedTrainLoop):
            return
        samples = runner.iter * _global_batch(loop)
        if self.resumed is not None:
            sampler.seed, samples = self.resumed['seed'], self.resumed['samples']
        self.origin = (runner.iter, samples)
        sampler.skip(samples // get_world_size())
        loop.dataloader_iterator = PlacedBatches(loop)
        runner.logger.info(f'the data go on at sample {samples} of the training stream')

    def before_train_iter(self, runner, batch_idx: int, data_batch: Any = None) -> None:
        if self.seed_iterations:
            seed = mix_seed(runner.seed, get_rank(), runner.iter)
            random.seed(seed)
            np.random.seed(seed)
            torch.manual_seed(seed)

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        loop, sampler = runner.train_loop, _sampler(runner.train_loop)
        if sampler is None or not isinstance(loop, IterBasedTrainLoop):
            return
        iteration, samples = self.origin
        done = checkpoint['meta']['iter'] - iteration
        checkpoint[_KEY] = dict(seed=sampler.seed, samples=samples + done * _global_batch(loop))


def _warn_of_half_accumulated_gradients(runner) -> None:
    """Gradients of some iterations only would be missing after a resume."""
    counts = getattr(runner.optim_wrapper, '_accumulative_counts', 1)
    for hook in runner.hooks:
        if (isinstance(hook, CheckpointHook) and not hook.by_epoch and hook.interval > 0
                and hook.interval % counts):
            runner.logger.warning(
                f'checkpoints every {hook.interval} iterations hold no half-accumulated gradients '
                f'(accumulative_counts={counts}): a run resumed from one differs from one never '
                f'stopped; let the interval be a multiple of {counts}')


def _sampler(loop: Any) -> Optional[ResumableInfiniteSampler]:
    loader = loop.dataloader
    for sampler in (loader.sampler, getattr(loader.batch_sampler, 'sampler', None)):
        if isinstance(sampler, ResumableInfiniteSampler):
            return sampler
    return None


def _global_batch(loop: Any) -> int:
    loader = loop.dataloader
    batch = loader.batch_size or loader.batch_sampler.batch_size
    return batch * get_world_size()
