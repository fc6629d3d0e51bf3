"""A data set index that knows its place in the training stream.

Augmentations draw from the random state of whichever worker process loads a sample, so a run that
is stopped and resumed, or split over more workers or ranks, sees other crops and flips. An index
that carries its position lets the data set seed the pipeline by (seed, position) alone. It may
also carry the version of the labels to load, where these change during training, and the class
for which an image was drawn, where images are drawn by class.
"""
import random
from typing import Optional, Union

import numpy as np
import torch


class StreamIndex(int):
    """An ``int`` (the data set index) with its ``position`` in the stream and the stream's seed.

    Data sets that wrap others shift indices; the result of ``+``, ``-`` and ``%`` therefore keeps
    what the index carries.

    Args:
        index: index of the sample in the data set.
        position: place in the stream; None if the sampler gives none.
        seed: the stream's seed; None with ``position``.
        label_version: version of the labels to load; None where labels have no versions.
        focus: class for which the image was drawn, -1 for an image without any; None where
            images are not drawn by class.
    """

    position: Optional[int]
    seed: Optional[int]
    label_version: Optional[int]
    focus: Optional[int]

    def __new__(cls, index: int, position: Optional[int] = None, seed: Optional[int] = None,
                label_version: Optional[int] = None,
                focus: Optional[int] = None) -> 'StreamIndex':
        self = super().__new__(cls, index)
        self.position = position
        self.seed = seed
        self.label_version = label_version
        self.focus = focus
        return self

    def with_labels(self, version: int) -> 'StreamIndex':
        """The same index, with the version of its labels."""
        return StreamIndex(int(self), self.position, self.seed, version, self.focus)

    def __reduce__(self):
        return StreamIndex, (int(self), self.position, self.seed, self.label_version, self.focus)

    def _moved(self, index: int) -> 'StreamIndex':
        return StreamIndex(index, self.position, self.seed, self.label_version, self.focus)

    def __add__(self, other):
        return self._moved(int(self) + int(other))

    def __sub__(self, other):
        return self._moved(int(self) - int(other))

    def __mod__(self, other):
        return self._moved(int(self) % int(other))


def seed_for_sample(index: Union[int, StreamIndex]) -> None:
    """Seed python's, numpy's and torch's CPU generators for one sample.

    Does nothing for an index without a position, so that data sets behave as usual under other
    samplers.
    """
    if isinstance(index, StreamIndex) and index.position is not None:
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
