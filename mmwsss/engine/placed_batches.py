"""Batches of an iteration-based loop whose sampler already stands where the run goes on."""
from typing import Any

from mmengine.runner import IterBasedTrainLoop


class PlacedBatches:
    """Takes the place of mmengine's endless iterator over the loader.

    After a resume the loop itself would skip the batches of the iterations that are done: through
    ``skip_iter`` (onedl-mmengine) or by calling ``next`` and dropping what it gets (mmengine
    0.10.7); neither must move the stream again. Workers start with the first batch that is used.

    Args:
        loop (IterBasedTrainLoop): whose ``dataloader_iterator`` this becomes.
        passes (int): how often a sampler that ends was gone through before. Default 0.
    """

    def __init__(self, loop: IterBasedTrainLoop, passes: int = 0) -> None:
        self.loader = loop.dataloader
        self.to_drop = 0 if hasattr(loop.dataloader_iterator, 'skip_iter') else loop.iter
        self.passes = passes
        self.batches = None

    def __iter__(self) -> 'PlacedBatches':
        return self

    def skip_iter(self, num_iters: int) -> None:
        """Nothing: the sampler was moved."""

    def __next__(self) -> Any:
        if self.to_drop:
            self.to_drop -= 1
            return None
        if self.batches is None:
            self.batches = iter(self.loader)
        try:
            return next(self.batches)
        except StopIteration:
            self.passes += 1
            set_pass(self.loader, self.passes)
            self.batches = iter(self.loader)
            return next(self.batches)


def set_pass(loader: Any, number: int) -> None:
    """Tell a sampler that shuffles by pass which one comes."""
    for sampler in (loader.sampler, getattr(loader.batch_sampler, 'sampler', None)):
        if hasattr(sampler, 'set_epoch'):
            sampler.set_epoch(number)
            return
