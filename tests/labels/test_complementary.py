"""Eq. 11 of P-GNN: properties over random labels, and the equation itself."""
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mmwsss.labels import complement_labels

IDS = st.sampled_from([0, 1, 2, 3, 255])
MAPS = arrays(np.uint8, (3, 4), elements=IDS).map(torch.from_numpy)
OPTIONS = st.fixed_dictionaries(dict(
    image_classes=st.sampled_from([None, [1], [1, 3], []]),
    ignored=st.sampled_from(['fill', 'keep']),
    conflict=st.sampled_from(['prediction', 'label', 'ignore'])))
CONFIDENCE = arrays(np.float32, (3, 4), elements=st.floats(0, 1, width=32)).map(torch.from_numpy)


@given(MAPS, arrays(np.uint8, (3, 4), elements=st.integers(0, 3)).map(torch.from_numpy))
@settings(max_examples=50, deadline=None)
def test_default_is_equation_11(labels, prediction):
    """C(t+1) = C(t) where the prediction is 0, else the prediction."""
    expected = [[c if p == 0 else p for c, p in zip(*rows)]
                for rows in zip(labels.tolist(), prediction.tolist())]
    assert complement_labels(labels, prediction).tolist() == expected


@given(MAPS, MAPS, CONFIDENCE, OPTIONS)
@settings(max_examples=100, deadline=None)
def test_each_pixel_follows_the_options(labels, prediction, confidence, options):
    got = complement_labels(labels, prediction, confidence=confidence, min_confidence=0.5,
                            **options)
    for c, p, q, new in zip(labels.flatten().tolist(), prediction.flatten().tolist(),
                            confidence.flatten().tolist(), got.flatten().tolist()):
        allowed = options['image_classes'] is None or p in options['image_classes']
        if p in (0, 255) or not allowed or q < 0.5:
            expected = c
        elif c == 255:
            expected = p if options['ignored'] == 'fill' else c
        elif c in (0, p):
            expected = p
        else:
            expected = dict(prediction=p, label=c, ignore=255)[options['conflict']]
        assert new == expected


@given(MAPS, MAPS, OPTIONS)
@settings(max_examples=100, deadline=None)
def test_foreground_never_shrinks(labels, prediction, options):
    got = complement_labels(labels, prediction, **options)
    foreground = (labels > 0) & (labels != 255)
    if options['conflict'] == 'ignore':
        assert (got[foreground] != 0).all()
    else:
        assert ((got[foreground] > 0) & (got[foreground] != 255)).all()


@given(MAPS, MAPS, OPTIONS)
@settings(max_examples=100, deadline=None)
def test_a_second_time_changes_nothing(labels, prediction, options):
    if options['conflict'] == 'ignore':
        options = dict(options, ignored='keep')
    once = complement_labels(labels, prediction, **options)
    assert torch.equal(complement_labels(once, prediction, **options), once)


@given(MAPS, MAPS, OPTIONS)
@settings(max_examples=30, deadline=None)
def test_arguments_and_type_stay(labels, prediction, options):
    before = labels.clone(), prediction.clone()
    got = complement_labels(labels, prediction.long(), **options)
    assert got.dtype == labels.dtype and got.shape == labels.shape
    assert torch.equal(labels, before[0]) and torch.equal(prediction, before[1])


@pytest.mark.parametrize('change, message', [
    (dict(prediction=torch.zeros(2, 3, dtype=torch.long)), 'prediction .* shape of labels'),
    (dict(confidence=torch.zeros(2, 3)), 'confidence .* shape of labels'),
    (dict(prediction=torch.zeros(2, 2)), 'integer class ids'),
    (dict(labels=torch.zeros(2, 2)), 'integer class ids'),
    (dict(ignored='drop'), 'ignored must be one of'),
    (dict(conflict='both'), 'conflict must be one of'),
])
def test_bad_input(change, message):
    zeros = torch.zeros(2, 2, dtype=torch.long)
    with pytest.raises(ValueError, match=message):
        complement_labels(**{**dict(labels=zeros, prediction=zeros), **change})
