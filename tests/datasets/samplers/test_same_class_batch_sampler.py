"""Groups that share a class: complete passes, whole groups a rank, any start."""
import itertools
import pickle
from collections import Counter

import numpy as np
import pytest
from mmengine.registry import DATA_SAMPLERS

from mmwsss.datasets.samplers import ResumableInfiniteSampler, SameClassBatchSampler

# classes of 12 images; class 3 has a single one, image 10 none
LABELS = [[0], [0, 1], [1], [0], [0, 2], [2], [0, 1, 2], [0], [1], [0], [], [0, 3]]


class Labelled:

    def __init__(self, labels=LABELS):
        self.labels = labels

    def __len__(self):
        return len(self.labels)

    def get_data_info(self, idx):
        return dict(gt_label=np.array(self.labels[idx], np.int64))


def sampler(rank=0, world_size=1, **kwargs):
    made = SameClassBatchSampler(Labelled(), **dict(dict(seed=3), **kwargs))
    made.rank, made.world_size = rank, world_size
    return made


def draw(made, n):
    return list(itertools.islice(iter(made), n))


def groups_of(stream, size=3):
    return [stream[i:i + size] for i in range(0, len(stream), size)]


def test_builds_as_the_runner_does_and_resumes_like_the_other_sampler():
    made = DATA_SAMPLERS.build(dict(type='SameClassBatchSampler', group_size=2),
                               default_args=dict(dataset=Labelled(), seed=5))
    assert made.seed == 5 and isinstance(made, ResumableInfiniteSampler)


@pytest.mark.parametrize('group_size', [1, 2, 3, 5])
@pytest.mark.parametrize('balance', [0., 0.5, 1.])
def test_groups_share_a_class_and_a_pass_has_every_image_for_every_class(group_size, balance):
    made = sampler(group_size=group_size, balance=balance)
    pairs = {(i, c) for i, labels in enumerate(LABELS) for c in labels or [-1]}
    stream = draw(made, 3 * len(made))
    for number in range(3):
        passed = stream[number * len(made):(number + 1) * len(made)]
        assert {(int(i), i.focus) for i in passed} == pairs
        for group in groups_of(passed, group_size):
            focus, = {i.focus for i in group}
            assert all(focus in LABELS[i] for i in group) or focus == -1
            enough = len([labels for labels in LABELS if focus in labels]) >= group_size
            assert len(set(group)) == group_size or not enough
    assert [i.position for i in stream] == list(range(len(stream)))
    assert len({tuple(stream[n * len(made):][:len(made)]) for n in range(3)}) == 3


def test_without_balance_nothing_comes_more_often_than_groups_need():
    counts = Counter((int(i), i.focus) for i in draw(sampler(), len(sampler())))
    per_class = Counter(c for labels in LABELS for c in labels or [-1])
    for c, images in per_class.items():
        total = sum(n for (_, focus), n in counts.items() if focus == c)
        assert total == -(-images // 3) * 3


def test_balance_shows_rare_classes_as_often_as_the_most_frequent():
    made = sampler(balance=1.)
    counts = Counter(i.focus for i in draw(made, len(made)))
    assert counts == {0: 9, 1: 9, 2: 9, 3: 9, -1: 3}
    half = sampler(balance=0.5)
    # sqrt(8 n): 8, 5.7, 4.9, 2.8, in whole groups
    assert half.shown == {-1: 3, 0: 9, 1: 6, 2: 6, 3: 3}


def test_random_groups_show_the_same_pairs():
    same, mixed = sampler(), sampler(same_class=False)
    ours = Counter((int(i), i.focus) for i in draw(same, len(same)))
    assert Counter((int(i), i.focus) for i in draw(mixed, len(mixed))) == ours
    focuses = [len({i.focus for i in g}) for g in groups_of(draw(mixed, len(mixed)))]
    assert max(focuses) > 1


@pytest.mark.parametrize('world_size', [2, 3])
def test_ranks_share_whole_groups_of_one_stream(world_size):
    whole = groups_of(draw(sampler(), 60))
    ranks = [groups_of(draw(sampler(rank=r, world_size=world_size), 18))
             for r in range(world_size)]
    together = [group for step in zip(*ranks) for group in step]
    assert together == whole[:len(together)]
    assert [i.position for g in together for i in g] == list(range(3 * len(together)))


@pytest.mark.parametrize('skipped', [0, 3, 6, 30, 33, 90])
@pytest.mark.parametrize('world_size', [1, 2])
def test_skip_continues_an_undisturbed_stream(skipped, world_size):
    whole = draw(sampler(rank=world_size - 1, world_size=world_size), 120)
    late = sampler(rank=world_size - 1, world_size=world_size)
    draw(late, 5)
    late.skip(skipped)
    part = draw(late, 12)
    assert part == whole[skipped:skipped + 12]
    assert [(p.position, p.focus) for p in part] == [
        (p.position, p.focus) for p in whole[skipped:skipped + 12]]


def test_focus_survives_pickling_shifting_and_label_versions():
    index = draw(sampler(), 1)[0]
    for other in (pickle.loads(pickle.dumps(index)), index + 0, index % 100,
                  index.with_labels(4)):
        assert other == index
        assert other.focus is not None and other.focus == index.focus
        assert other.position == index.position


def test_seeds_differ_and_unshuffled_is_in_order():
    assert draw(sampler(seed=1), 30) != draw(sampler(seed=2), 30)
    assert draw(sampler(shuffle=False), 6) == [10, 10, 10, 0, 1, 3]


def test_bad_arguments():
    with pytest.raises(ValueError, match='group_size'):
        sampler(group_size=0)
    with pytest.raises(ValueError, match='balance'):
        sampler(balance=2.)
    with pytest.raises(ValueError, match='gt_label'):
        SameClassBatchSampler(range(4), seed=0)
