"""Which images are shown."""
import numpy as np
import pytest

from mmwsss.visualization.choice import Candidate, agreement, choose, coverage, image_iou


def candidates(scores, classes=None):
    return [Candidate(f'i{k}', score, frozenset((classes or {}).get(k, ())))
            for k, score in enumerate(scores)]


def names(chosen):
    return [entry.candidate.image_id for entry in chosen]


def test_best_median_worst_then_spread():
    chosen = choose(candidates(range(101)), count=5)
    assert names(chosen) == ['i100', 'i75', 'i50', 'i25', 'i0']
    assert [entry.reasons for entry in chosen] == [['best'], [], ['median'], [], ['worst']]
    assert names(choose(candidates([5, 9, 7, 1]), count=3)) == ['i1', 'i0', 'i3']  # lower median


def test_every_class_appears():
    classes = {10: (1, 2), 20: (3, ), 30: (4, ), 31: (4, ), 90: (1, )}
    chosen = choose(candidates(range(101), classes), count=3)
    shown = frozenset().union(*(entry.candidate.classes for entry in chosen))
    assert shown == {1, 2, 3, 4}
    # Of two that would do, the one nearer to the median; classes may need more than count.
    assert 'i31' in names(chosen) and 'i30' not in names(chosen) and len(chosen) == 6
    assert len(choose(candidates(range(101), classes), count=3, most=4)) == 4


def test_few_images_and_ties():
    assert choose([]) == []
    one, = choose(candidates([3.]))
    assert one.reasons == ['best', 'median', 'worst']
    assert names(choose(candidates([1, 1, 1]))) == ['i0', 'i1', 'i2']
    unknown = choose(candidates([None] * 9), count=3)
    assert len(unknown) == 3 and not any(entry.reasons for entry in unknown)
    mixed = choose(candidates([None, 2, None, 1]))
    assert names(mixed) == ['i1', 'i3', 'i0', 'i2'] and mixed[1].reasons == ['median', 'worst']


def test_the_same_choice_whatever_the_order():
    some = candidates(np.random.default_rng(0).integers(0, 20, 50).tolist(),
                      {k: (k % 7, ) for k in range(50)})
    assert names(choose(some)) == names(choose(some[::-1]))


def test_scores_against_loops():
    rng = np.random.default_rng(0)
    truth, labels = rng.choice([0, 1, 2, 255], (9, 8)), rng.choice([0, 1, 3, 255], (9, 8))
    values = []
    for value in range(4):
        pairs = [(t, g) for t, g in zip(truth.ravel(), labels.ravel()) if t != 255]
        union = sum(value in pair for pair in pairs)
        if union:
            values.append(100 * sum(t == g == value for t, g in pairs) / union)
    assert image_iou(labels, truth, 4) == pytest.approx(np.mean(values))
    both = [(t, g) for t, g in zip(truth.ravel(), labels.ravel()) if 255 not in (t, g)]
    assert agreement(truth, labels) == pytest.approx(
        100 * sum(t == g for t, g in both) / len(both))
    assert agreement(np.full((2, 2), 255), np.zeros((2, 2))) == 0
    assert coverage(np.array([[0, 1], [255, 2]])) == 50
    with pytest.raises(ValueError, match='for one image'):
        agreement(truth, labels[1:])
