"""An infinite sampler that can start anywhere in its stream."""
from typing import Iterator, Optional, Sized

import torch
from mmengine.dist import get_dist_info, sync_random_seed
from mmengine.registry import DATA_SAMPLERS
from torch.utils.data import Sampler

from .stream_index import StreamIndex, mix_seed


@DATA_SAMPLERS.register_module()
class ResumableInfiniteSampler(Sampler):
    """Endless passes over a data set, each newly shuffled; pass ``e`` by a generator of (seed, e).

    The stream is one for all ranks: rank ``r`` of ``W`` takes positions ``r, r + W, ...``, so
    batch ``k`` of all ranks together holds the same samples however many ranks share it (with the
    same global batch). mmengine's ``InfiniteSampler`` cannot be repositioned on mmengine 0.10.7
    (resuming loads and throws away all earlier batches), and its samples carry no position.

    Args:
        dataset (Sized): The data set.
        shuffle (bool): Shuffle every pass. Default True.
        seed (int, optional): The same on all ranks. Default: the runner's, which mmengine hands
            over; drawn at random if there is none.
    """

    def __init__(self, dataset: Sized, shuffle: bool = True, seed: Optional[int] = None) -> None:
        self.rank, self.world_size = get_dist_info()
        self.dataset = dataset
        self.size = len(dataset)
        self.shuffle = shuffle
        self.seed = sync_random_seed() if seed is None else seed
        self.start = 0
        if self.size == 0:
            raise ValueError('cannot sample from an empty data set')

    def __iter__(self) -> Iterator[StreamIndex]:
        """Indices of this rank from sample ``start`` on."""
        position = self.start * self.world_size + self.rank
        order, order_pass = None, None
        while True:
            current = position // self.size
            if current != order_pass:
                order, order_pass = self._order(current), current
            yield StreamIndex(order[position % self.size], position, self.seed)
            position += self.world_size

    def __len__(self) -> int:
        return self.size

    def skip(self, num_samples: int) -> None:
        """Let the next iteration start after the first ``num_samples`` samples of this rank.

        Counted from the beginning of the stream, whatever was drawn before.
        """
        if num_samples < 0:
            raise ValueError(f'num_samples must be at least 0, got {num_samples}')
        self.start = num_samples

    def set_epoch(self, epoch: int) -> None:
        """Nothing to do: passes are counted by the sampler itself."""

    def _order(self, current_pass: int) -> list:
        if not self.shuffle:
            return list(range(self.size))
        generator = torch.Generator()
        generator.manual_seed(mix_seed(self.seed, current_pass))
        return torch.randperm(self.size, generator=generator).tolist()
