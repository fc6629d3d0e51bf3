"""Label rules and the bound CRF: their values are checked when they are made."""
import numpy as np
import pytest
import torch

from mmwsss.labels import LabelRule, build_refiner, dense_crf


@pytest.mark.parametrize('kwargs, message', [
    (dict(kind='x'), "kind='x' is unknown"),
    (dict(kind='threshold', normalize='all'), "normalize='all' is unknown"),
    (dict(kind='threshold', power=2), "'threshold' has no power; it takes threshold"),
    (dict(kind='threshold', threshold=1.2), r'must lie in \[0, 1\]'),
    (dict(kind='power', power=0), 'must be positive'),
    (dict(kind='probability', normalize='class'), "normalize='class' makes maps that are no prob"),
    (dict(kind='probability', threshold=0.5), "'probability' has no threshold"),
    (dict(kind='two_thresholds', foreground=0.1, background=0.2), '0 ≤ background ≤ foreground'),
])
def test_bad_rules_are_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        LabelRule(**kwargs)


def test_settings_are_complete():
    assert LabelRule('two_thresholds', foreground=0.4).settings() == dict(
        kind='two_thresholds', normalize=None, foreground=0.4, background=0.05)


def test_normalisation():
    maps = torch.tensor([[[0.2, 0.1]], [[0.4, 0.0]]])
    rules = {norm: LabelRule('threshold', norm, threshold=0.4)(maps, [3, 9])
             for norm in (None, 'class', 'image')}
    assert rules[None].tolist() == [[0, 0]]       # 0.4 is not more than 0.4
    assert rules['image'].tolist() == [[9, 0]]    # 0.5 against 1
    assert rules['class'].tolist() == [[9, 3]]    # about 1 against 1, the second 0.5 against 0
    assert LabelRule('threshold', 'image')(torch.zeros(0, 2, 2), []).tolist() == [[0, 0], [0, 0]]
    assert LabelRule('power', 'image')(torch.zeros(1, 1, 1), [4]).tolist() == [[0]]


def test_probabilities_leave_the_rest_to_background():
    torch.manual_seed(0)
    probability = torch.randn(3, 5, 6).mul(2).softmax(0)  # background first
    labels = LabelRule('probability')(probability[1:], [3, 9])
    for y in range(5):
        for x in range(6):
            best = max(range(3), key=lambda c: probability[c, y, x])
            assert labels[y, x] == [0, 3, 9][best]
    # No background at all: the more probable of the two, though both are far more than it.
    assert LabelRule('probability')(torch.tensor([[[0.4]], [[0.6]]]), [3, 9]).tolist() == [[9]]
    assert LabelRule('probability')(torch.zeros(0, 1, 2), []).tolist() == [[0, 0]]


def test_refine_is_applied_to_both_maps_of_two_thresholds():
    seen = []

    def refine(labels):
        seen.append(labels.tolist())
        return labels

    maps = torch.tensor([[[0.9, 0.5, 0.1]]])
    rule = LabelRule('two_thresholds', foreground=0.6, background=0.3)
    assert rule(maps, [7], refine).tolist() == [[7, 255, 0]]
    assert seen == [[[[7, 0, 0]], [[7, 7, 0]]]]


@pytest.mark.parametrize('config', ['irn', 'pixel_adaptive'])
def test_two_thresholds_refined_together_are_those_refined_apart(config):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (20, 25, 3), dtype=np.uint8)
    maps = torch.from_numpy(rng.random((2, 20, 25), dtype=np.float32)) ** 3
    refiner, classes = build_refiner(config), [0, 7, 9]
    rule = LabelRule('two_thresholds', foreground=0.5, background=0.2)
    got = rule(maps, [7, 9], lambda labels: refiner(image, labels, classes))
    sure, likely = (refiner(image, LabelRule('threshold', threshold=value)(maps, [7, 9]), classes)
                    for value in (0.5, 0.2))
    expected = sure.masked_fill((sure == 0) & (likely != 0), 255)
    assert torch.equal(got, expected) and {0, 255} < set(got.unique().tolist())


@pytest.mark.parametrize('config, message', [
    ('x', "no CRF preset 'x'"), (dict(backend='c'), "no CRF backend 'c'"),
    (dict(label_probability=1), 'between 0.5 and 1'), (dict(sxy=3), 'a CRF has no sxy'),
    (dict(bilateral_rgb=0), 'must be positive'),
])
def test_bad_crfs_are_refused(config, message):
    with pytest.raises(ValueError, match=message):
        build_refiner(config)


def test_a_crf_does_what_its_settings_say():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (12, 15, 3), dtype=np.uint8)
    labels = torch.from_numpy(rng.choice([0, 4], (12, 15)).astype(np.uint8))
    assert build_refiner(None) is None
    for config in ('irn', dict(preset='deeplab', iterations=2)):
        crf = build_refiner(config)
        want = dense_crf(image, labels, crf.crf, classes=[0, 4, 5])
        assert torch.equal(crf(image, labels, [0, 4, 5]), want)
    assert crf.settings()['iterations'] == 2 and crf.settings()['bilateral_xy'] == 67
    assert build_refiner(crf) is crf
