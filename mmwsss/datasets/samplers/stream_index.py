"""A data set index that knows its place in the training stream.

Augmentations draw from the random state of whichever worker process loads a sample, so a run that
is stopped and resumed, or split over more workers or ranks, sees other crops and flips. An index
that carries its position lets the data set seed the pipeline by (seed, position) alone.
"""
import random
from typing import Union

import numpy as np
import torch


class StreamIndex(int):
    """An ``int`` (the data set index) with its ``position`` in the stream and the stream's seed.

    Data sets that wrap others shift indices; the result of ``+``, ``-`` and ``%`` therefore keeps
    the position.
    """

    position: int
    seed: int

    def __new__(cls, index: int, position: int, seed: int) -> 'StreamIndex':
        self = super().__new__(cls, index)
        self.position = position
        self.seed = seed
        return self

    def __reduce__(self):
        return StreamIndex, (int(self), self.position, self.seed)

    def __add__(self, other):
        return StreamIndex(int(self) + int(other), self.position, self.seed)

    def __sub__(self, other):
        return StreamIndex(int(self) - int(other), self.position, self.seed)

    def __mod__(self, other):
        return StreamIndex(int(self) % int(other), self.position, self.seed)


def seed_for_sample(index: Union[int, StreamIndex]) -> None:
    """Seed python's, numpy's and torch's CPU generators for one sample.

    Does nothing for a plain ``int``, so that data sets behave as usual under other samplers.
    """
    if isinstance(index, StreamIndex):
        seed_cpu(index.seed, index.position)


def seed_cpu(*entropy: int) -> None:
    """Seed the three CPU generators from non-negative integers."""
    seed = mix_seed(*entropy)
    random.seed(seed)
    np.random.seed(seed)
    # The default generator alone: torch.manual_seed would touch CUDA inside data workers.
    torch.default_generator.manual_seed(seed)


def mix_seed(*entropy: int) -> int:
    """One 32-bit seed from several non-negative integers (32 bits are all that torch's CPU
    generator looks at, so shifting and adding them by hand makes streams collide)."""
    return int(np.random.SeedSequence(entropy).generate_state(1)[0])
