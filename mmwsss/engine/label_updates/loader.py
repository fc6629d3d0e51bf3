"""Rebuilding a training loop's stream of batches so that each index names its label version."""
from collections.abc import Callable
from typing import Any

from mmengine.dataset import InfiniteSampler
from mmengine.runner import IterBasedTrainLoop

from mmwsss.datasets.samplers import ResumableInfiniteSampler

from ..placed_batches import PlacedBatches, set_pass
from .versioned_data import VersionedSampler


def end_workers(loop: Any) -> None:
    """End loader workers that were started already; the next iteration starts new ones."""
    loader = loop.dataloader
    for running in (getattr(loader, '_iterator', None),
                    getattr(getattr(loop, 'dataloader_iterator', None), '_iterator', None)):
        if hasattr(running, '_shutdown_workers'):
            running._shutdown_workers()
    loader._iterator = None


def number_batches(loop: Any, iteration: Callable[[], int], version_at: Callable[[int], int],
                   placed_at: int) -> None:
    """Put a :class:`VersionedSampler` between the loader and its sampler.

    Args:
        loop: mmengine's training loop.
        iteration: gives the iteration whose batch comes next.
        version_at: iteration → version.
        placed_at: iterations done when the run goes on; 0 for a fresh run.
    """
    loader = loop.dataloader
    batch = loader.batch_size or loader.batch_sampler.batch_size
    sampler = loader.batch_sampler.sampler
    versioned = VersionedSampler(sampler, batch, iteration, version_at)
    loader.batch_sampler.sampler = versioned
    if not isinstance(loop, IterBasedTrainLoop) or isinstance(loop.dataloader_iterator,
                                                              PlacedBatches):
        return
    passes = 0
    if isinstance(sampler, InfiniteSampler):
        # mmengine's prefetching iterator may have drawn from the one stream it has
        sampler.indices = sampler._indices_of_rank()
    if isinstance(sampler, (InfiniteSampler, ResumableInfiniteSampler)):
        versioned.to_skip = placed_at * batch
    else:
        passes, rest = divmod(placed_at, len(loader))
        versioned.to_skip = rest * batch
        set_pass(loader, passes)
    loop.dataloader_iterator = PlacedBatches(loop, passes)
