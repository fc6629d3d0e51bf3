"""Features of a frozen trunk on disk: the same values, for the same batch and trunk only."""
import pytest
import torch
import torch.nn as nn
from mmseg.registry import MODELS

import mmwsss  # noqa: F401
from mmwsss.models.backbones.feature_cache import FeatureCache

FROZEN = dict(
    type='FrozenTIMMBackbone', model_name='tf_efficientnet_lite0', out_indices=(3, 4),
    output_stride=16, frozen_stages=4, channels_last=True)


def _trunk(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).eval().requires_grad_(False)


class Counted:
    """Features of a trunk, and how often they were computed."""

    def __init__(self, trunk):
        self.trunk, self.calls = trunk, 0

    def __call__(self, x):
        self.calls += 1
        y = self.trunk(x)
        return [y, y.mean((2, 3)).to(torch.bfloat16)]


def _read(folder, trunk, x):
    """Features by a cache that was just opened, and how often they were computed."""
    counted = Counted(trunk)
    return FeatureCache(folder).features(trunk, x, counted), counted.calls


def test_a_batch_is_computed_once_and_comes_back_bit_for_bit(tmp_path):
    trunk, x = _trunk(), torch.randn(2, 3, 8, 9)
    first, calls = _read(tmp_path / 'new', trunk, x)
    again, calls_again = _read(tmp_path / 'new', trunk, x.clone())
    assert (calls, calls_again) == (1, 0)
    for ours, expected in zip(again, Counted(trunk)(x)):
        assert ours.dtype == expected.dtype and torch.equal(ours, expected)
    assert torch.equal(first[0], again[0])


def test_another_batch_shape_weight_statistic_or_precision_is_another_key(tmp_path):
    cache, trunk, x = FeatureCache(tmp_path), _trunk(), torch.randn(2, 3, 8, 9)
    keys = [cache.key(trunk, x)]
    changed = x.clone()
    changed[1, 2, 7, 8] += 1e-6
    keys += [cache.key(trunk, changed), cache.key(trunk, x.reshape(2, 3, 9, 8)),
             cache.key(trunk, x.view(torch.int32)), cache.key(_trunk(1), x)]
    with torch.autocast('cpu', dtype=torch.bfloat16):
        keys.append(cache.key(trunk, x))
    keys.append(cache.key(_trunk().to(memory_format=torch.channels_last), x))
    trunk[1].running_mean[0] += 1  # in place: a digest that was taken once would not notice
    keys.append(cache.key(trunk, x))
    trunk[0].dilation = (2, 2)
    trunk[1].running_mean[0] += 0
    keys.append(cache.key(trunk, x))
    assert len(set(keys)) == len(keys)


def test_keys_look_at_values_not_at_their_place_in_memory(tmp_path):
    cache, x = FeatureCache(tmp_path), torch.randn(2, 3, 8, 9)
    last = x.to(memory_format=torch.channels_last)
    assert cache.key(_trunk(), x) == cache.key(_trunk(), last)


def test_a_full_cache_still_reads_and_computes(tmp_path):
    trunk, x = _trunk(), torch.randn(2, 3, 8, 9)
    _read(tmp_path, trunk, x)
    full = FeatureCache(tmp_path, max_gb=1e-7)
    for batch in (x, x + 1, x + 1):
        ours = full.features(trunk, batch, Counted(trunk))[0]
        torch.testing.assert_close(ours, trunk(batch))
    assert (full.hits, full.misses) == (1, 2)
    assert len(list(tmp_path.rglob('*.pt'))) == 1


def test_a_damaged_file_is_named(tmp_path):
    trunk, x = _trunk(), torch.randn(2, 3, 8, 9)
    _read(tmp_path, trunk, x)
    path, = tmp_path.rglob('*.pt')
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match=f'{path.name}.*delete the file'):
        _read(tmp_path, trunk, x)


def test_a_frozen_backbone_reads_what_it_made(tmp_path):
    torch.manual_seed(0)
    plain = MODELS.build(FROZEN)
    kept = MODELS.build(dict(FROZEN, feature_cache=str(tmp_path)))
    kept.load_state_dict(plain.state_dict())
    x = torch.randn(2, 3, 64, 64)
    kept(x)  # still in the mode of a module just built: batch norm learns, nothing is kept
    kept.load_state_dict(plain.state_dict())
    assert not list(tmp_path.rglob('*.pt'))
    for mode in (True, False):
        expected, made, read = plain.train(mode)(x), kept.train(mode)(x), kept.train(mode)(x)
        for features in zip(expected, made, read):
            assert torch.equal(features[0], features[1])
            assert torch.equal(features[1], features[2])
            assert not features[2].requires_grad
    assert (kept._cache.hits, kept._cache.misses) == (3, 1)
    assert list(kept.state_dict()) == list(plain.state_dict())


@pytest.mark.parametrize('change, named', [
    (dict(frozen_stages=2), 'blocks'), (dict(norm_eval=False), 'statistics')])
def test_a_trunk_that_learns_has_no_cache(tmp_path, change, named):
    with pytest.raises(ValueError, match=f'{named}.*frozen_stages=4'):
        MODELS.build(dict(FROZEN, feature_cache=str(tmp_path), **change))


@pytest.mark.parametrize('nowhere', [None, '', 'none'])
def test_no_cache_unless_asked_for(nowhere):
    assert MODELS.build(dict(FROZEN, feature_cache=nowhere))._cache is None
