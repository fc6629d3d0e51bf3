"""The stream of samples: complete passes, any start, any number of ranks, one seed a position."""
import itertools
import pickle
import random

import numpy as np
import pytest
import torch
from mmengine.dataset import ConcatDataset, RepeatDataset
from mmengine.registry import DATA_SAMPLERS

from mmwsss.datasets.samplers import ResumableInfiniteSampler, StreamIndex, seed_for_sample


def draw(sampler, n):
    return list(itertools.islice(iter(sampler), n))


def sampler(size=7, rank=0, world_size=1, **kwargs):
    s = ResumableInfiniteSampler(range(size), **dict(dict(seed=3), **kwargs))
    s.rank, s.world_size = rank, world_size
    return s


def test_is_registered_and_builds_as_the_runner_does():
    built = DATA_SAMPLERS.build(
        dict(type='ResumableInfiniteSampler', shuffle=True),
        default_args=dict(dataset=range(4), seed=5))
    assert built.seed == 5 and len(built) == 4


def test_every_pass_is_a_permutation_and_passes_differ():
    stream = draw(sampler(), 21)
    passes = [stream[i:i + 7] for i in (0, 7, 14)]
    assert all(sorted(p) == list(range(7)) for p in passes)
    assert passes[0] != passes[1] != passes[2]
    assert [s.position for s in stream] == list(range(21))


def test_unshuffled_is_in_order():
    assert draw(sampler(shuffle=False), 9) == [0, 1, 2, 3, 4, 5, 6, 0, 1]


def test_seeds_give_other_streams_and_none_of_another_pass():
    streams = [tuple(draw(sampler(size=50, seed=s), 200)) for s in range(4)]
    passes = {st[i:i + 50] for st in streams for i in range(0, 200, 50)}
    assert len(passes) == 16


@pytest.mark.parametrize('skipped', [0, 1, 6, 7, 8, 20])
def test_skip_continues_an_undisturbed_stream(skipped):
    whole = draw(sampler(), 40)
    late = sampler()
    draw(late, 5)  # what a prefetching worker may have taken before the skip
    late.skip(skipped)
    part = draw(late, 10)
    assert part == whole[skipped:skipped + 10]
    assert [p.position for p in part] == list(range(skipped, skipped + 10))


@pytest.mark.parametrize('world_size', [2, 3, 8])
def test_ranks_share_one_stream(world_size):
    whole = draw(sampler(), 48)
    ranks = [draw(sampler(rank=r, world_size=world_size), 6) for r in range(world_size)]
    assert [i for step in zip(*ranks) for i in step] == whole[:6 * world_size]
    late = sampler(rank=1, world_size=world_size)
    late.skip(4)
    assert draw(late, 2) == ranks[1][4:]


def test_bad_arguments():
    with pytest.raises(ValueError, match='empty'):
        ResumableInfiniteSampler([], seed=0)
    with pytest.raises(ValueError, match='-1'):
        sampler().skip(-1)


def test_stream_index_is_an_int_that_survives_pickling_and_shifts():
    index = StreamIndex(5, position=17, seed=2)
    assert index == 5 and [10, 11, 12, 13, 14, 15][index] == 15
    for other in (pickle.loads(pickle.dumps(index)), index - 0, index + 0, index % 9):
        assert other == 5 and (other.position, other.seed) == (17, 2)


def random_numbers():
    return random.random(), float(np.random.rand()), float(torch.rand(()))


def test_seed_depends_on_seed_and_position_only():
    seed_for_sample(StreamIndex(1, position=4, seed=9))
    first = random_numbers()
    random_numbers()
    seed_for_sample(StreamIndex(3, position=4, seed=9))
    assert random_numbers() == first
    for other in (StreamIndex(1, position=5, seed=9), StreamIndex(1, position=4, seed=8)):
        seed_for_sample(other)
        assert all(a != b for a, b in zip(random_numbers(), first))


def test_plain_int_leaves_the_random_state_alone():
    torch.manual_seed(0), random.seed(0), np.random.seed(0)
    first = random_numbers()
    torch.manual_seed(0), random.seed(0), np.random.seed(0)
    seed_for_sample(3)
    assert random_numbers() == first


class Items:
    metainfo: dict = {}

    def __len__(self):
        return 4

    def full_init(self):
        pass

    def get_data_info(self, idx):
        return {}

    def __getitem__(self, idx):
        return idx


def test_wrapping_data_sets_keep_the_position():
    Items.metainfo = {}
    from mmengine.dataset import BaseDataset

    class Base(Items, BaseDataset):

        def __init__(self):
            self._metainfo = {}
            self._fully_initialized = True

        metainfo = property(lambda self: {})

    for wrapped, size in ((ConcatDataset([Base(), Base()]), 8), (RepeatDataset(Base(), 2), 8)):
        item = wrapped[StreamIndex(6, position=30, seed=1)]
        assert item == 2 and item.position == 30
        assert len(wrapped) == size
