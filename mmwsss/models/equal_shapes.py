"""Splitting a batch of images of any size into parts that fit one tensor."""
from collections import defaultdict
from typing import Iterator, Sequence, Tuple

from torch import Tensor


def equal_shapes(data: dict) -> Iterator[Tuple[Sequence[int], dict]]:
    """Split a collated batch by image shape: yields (places in the batch, smaller batch)."""
    inputs, samples = data['inputs'], data.get('data_samples')
    if isinstance(inputs, Tensor):
        yield range(len(inputs)), data
        return
    places = defaultdict(list)
    for i, image in enumerate(inputs):
        places[tuple(image.shape)].append(i)
    for members in places.values():
        yield members, dict(
            inputs=[inputs[i] for i in members],
            data_samples=samples and [samples[i] for i in members])
