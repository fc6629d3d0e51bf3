import math

import numpy as np
import pytest
import torch
from mmengine.registry import METRICS

import mmwsss.evaluation  # noqa: F401


def slow_ap(scores, positives):
    """Mean of the precision at each positive, images by falling score."""
    order = sorted(range(len(scores)), key=lambda i: -scores[i])
    hits, precisions = 0, []
    for rank, i in enumerate(order, 1):
        if positives[i]:
            hits += 1
            precisions.append(hits / rank)
    return 100 * sum(precisions) / len(precisions)


def evaluate(scores, target, **options):
    metric = METRICS.build(dict(type='PresentClassAveragePrecision', **options))
    samples = [dict(pred_score=torch.from_numpy(s), gt_score=torch.from_numpy(t))
               for s, t in zip(scores, target)]
    metric.process({}, samples[:3])
    metric.process({}, samples[3:])
    return metric.evaluate(len(samples))


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    scores = rng.permutation(55).reshape(11, 5).astype('float32') / 55
    target = (rng.random((11, 5)) < 0.4).astype('float32')
    target[:, 2] = 0
    assert (target.sum(0)[[0, 1, 3, 4]] > 0).all()
    return scores, target


def test_classes_that_no_image_has_do_not_count(images):
    scores, target = images
    expected = np.mean([slow_ap(scores[:, k], target[:, k]) for k in (0, 1, 3, 4)])
    assert evaluate(*images)['multi-label/mAP'] == pytest.approx(expected, abs=1e-4)


def test_it_is_the_metric_of_mmpretrain_where_each_class_occurs(images):
    from mmpretrain.evaluation import AveragePrecision
    scores, target = (array[:, [0, 1, 3, 4]] for array in images)
    theirs = AveragePrecision.calculate(scores, target).item()
    assert evaluate(scores, target)['multi-label/mAP'] == pytest.approx(theirs, abs=1e-5)


def test_classes_one_by_one(images):
    scores, target = images
    values = evaluate(*images, average=None)['multi-label/AP_classwise']
    assert math.isnan(values[2])
    for k in (0, 1, 3, 4):
        assert values[k] == pytest.approx(slow_ap(scores[:, k], target[:, k]), abs=1e-4)


def test_images_without_any_class(images):
    scores, target = images
    assert math.isnan(evaluate(scores, np.zeros_like(target))['multi-label/mAP'])
    target = target.copy()
    target[4] = 0  # one image has none, the classes are there
    expected = np.mean([slow_ap(scores[:, k], target[:, k]) for k in (0, 1, 3, 4)])
    assert evaluate(scores, target)['multi-label/mAP'] == pytest.approx(expected, abs=1e-4)
