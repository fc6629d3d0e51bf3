"""The rows of benchmarks/walk_parameters.py against all thresholds tried one by one."""
import numpy as np
import pytest

from benchmarks import walk_parameters
from mmwsss.evaluation.label_quality import ThresholdCurve


def slow_rates(labels, truth, counted):
    """IoU over ``counted``, precision over all of it but the background; in percent."""
    seen = truth != 255
    ious, precisions = [], []
    for c in counted:
        given, true = (labels == c) & seen, (truth == c) & seen
        ious.append(100 * (given & true).sum() / (given | true).sum())
        if c:
            precisions.append(100 * (given & true).sum() / max(given.sum(), 1))
    return np.mean(ious), np.mean(precisions)


def test_best_row_is_that_of_the_best_threshold():
    rng = np.random.RandomState(0)
    truth = rng.choice([0, 8, 12, 255], (30, 40), p=[.5, .25, .2, .05])
    maps = np.stack([np.clip((truth == c) * .5 + rng.uniform(0, .6, truth.shape), 0, 1)
                     for c in (8, 12)]).astype(np.float32)
    curve = ThresholdCurve(21)
    curve.update(maps, [8, 12], truth)
    counted = [0, 8, 12]
    best = max((slow_rates(np.where(maps.max(0) > k / 255, np.array([8, 12])[maps.argmax(0)], 0),
                           truth, counted) + (k / 255, ) for k in range(256)),
               key=lambda rates: rates[0])
    name, threshold, miou, precision, _ = walk_parameters.best_row('x', curve, counted)
    assert (name, threshold) == ('x', f'{best[2]:.2f}')
    assert float(miou) == pytest.approx(best[0], abs=.006)
    assert float(precision) == pytest.approx(best[1], abs=.006)


def test_a_crf_goes_with_one_setting():
    needed = ['c', 'w', '--images', 'i', '--gt', 'g', '--list', 'l']
    with pytest.raises(SystemExit):
        walk_parameters.parse_args([*needed, '--crf', 'irn', '--steps', '32', '64'])
    assert walk_parameters.parse_args([*needed, '--crf', 'irn']).steps == [64]
