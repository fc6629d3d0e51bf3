import math

import pytest
import torch

from mmwsss.models.heads import CAMHead, pool_class_maps


def slow(maps, kind, sharpness=1.0, fraction=0.2):
    out = torch.empty(maps.shape[:2], dtype=maps.dtype)
    for b in range(maps.shape[0]):
        for c in range(maps.shape[1]):
            values = sorted(maps[b, c].flatten().tolist(), reverse=True)
            if kind == 'gap':
                out[b, c] = sum(values) / len(values)
            elif kind == 'lse':
                mean = sum(math.exp(sharpness * v) for v in values) / len(values)
                out[b, c] = math.log(mean) / sharpness
            else:
                top = values[:max(1, round(fraction * len(values)))]
                out[b, c] = sum(top) / len(top)
    return out


@pytest.mark.parametrize('kwargs', [
    dict(kind='gap'), dict(kind='lse'), dict(kind='lse', sharpness=5.0), dict(kind='topk'),
    dict(kind='topk', fraction=0.5), dict(kind='topk', fraction=0.0)])
def test_equals_slow_loops(kwargs):
    maps = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    torch.testing.assert_close(pool_class_maps(maps, **kwargs), slow(maps, **kwargs))


def test_poolings_lie_between_mean_and_maximum():
    maps = torch.randn(2, 3, 6, 6)
    mean, top = pool_class_maps(maps), maps.flatten(2).amax(-1)
    torch.testing.assert_close(pool_class_maps(maps, 'topk', fraction=0), top)
    torch.testing.assert_close(pool_class_maps(maps, 'topk', fraction=1), mean)
    for sharpness in (0.1, 1.0, 10.0):
        pooled = pool_class_maps(maps, 'lse', sharpness=sharpness)
        assert (pooled >= mean - 1e-5).all() and (pooled <= top + 1e-5).all()
    torch.testing.assert_close(
        pool_class_maps(maps, 'lse', sharpness=1e-3), mean, atol=1e-3, rtol=0)


def test_lse_does_not_overflow():
    assert torch.isfinite(pool_class_maps(torch.full((1, 1, 2, 2), 1e4), 'lse')).all()


def test_gap_is_the_classifier_on_averaged_features():
    head = CAMHead(4, 8)
    x = torch.randn(2, 8, 5, 3)
    expected = x.mean(dim=(2, 3)) @ head.classifier.weight[:, :, 0, 0].T
    torch.testing.assert_close(head((x, )), expected)


@pytest.mark.parametrize('kwargs, message', [
    (dict(kind='max'), "'max'"), (dict(kind='lse', sharpness=0), 'sharpness'),
    (dict(kind='topk', fraction=1.5), 'fraction')])
def test_bad_options(kwargs, message):
    with pytest.raises(ValueError, match=message):
        pool_class_maps(torch.zeros(1, 1, 2, 2), **kwargs)
    with pytest.raises(ValueError, match=message):
        CAMHead(2, 3, pooling=kwargs)
