"""Pixels find their way back through crop, scale, flip, padding and rotation."""
import numpy as np
import pytest
from mmcv.transforms import Compose
from mmengine.registry import TRANSFORMS, init_default_scope

from mmwsss.engine.label_updates import coordinates

SIZE = (23, 31)


def slow_places(source, length):
    """For each place of the original, which position is nearest; −1 outside the covered part."""
    known = sorted({s for s in source if s >= 0})
    gaps = [b - a for a, b in zip(known, known[1:])] or [1]
    reach = max(gaps) // 2
    result = []
    for place in range(length):
        nearest = min(known, key=lambda s: (abs(s - place), s))
        inside = known[0] - reach <= place <= known[-1] + reach
        at = [p for p, s in enumerate(source) if s == nearest]
        result.append(at[(len(at) - 1) // 2] if inside else -1)
    return result


@pytest.mark.parametrize('rows', [
    [0, 1, 2, 3], [3, 2, 1], [0, 2, 4, 6], [1, 1, 2, 2, 3], [5, 5, 4, 4, 3, -1, -1], [7],
    [2, 3, 5, 6, 8], [-1, 9, 7, 5]])
def test_each_pixel_takes_the_nearest(rows):
    columns = [4, 3, 1]
    values = np.arange(1, 1 + len(rows) * 3, dtype=np.uint8).reshape(len(rows), 3)
    top, left, patch = coordinates.write_back(
        values, (np.array(rows, np.int32), np.array(columns, np.int32)), (10, 6))
    expected = np.zeros((10, 6), int)
    for y, row in enumerate(slow_places(rows, 10)):
        for x, column in enumerate(slow_places(columns, 6)):
            expected[y, x] = values[row, column] if row >= 0 and column >= 0 else 0
    found = np.zeros((10, 6), int)
    found[top:top + patch.shape[0], left:left + patch.shape[1]] = patch
    np.testing.assert_array_equal(found, expected)


def test_nothing_covered_gives_nothing():
    nowhere = np.full(3, -1, np.int32)
    for place in ((nowhere, nowhere), np.full((3, 3), -1)):
        assert coordinates.write_back(np.ones((3, 3), np.uint8), place, (5, 5))[2].size == 0


PIPELINES = {
    'crop': [dict(type='RandomCrop', crop_size=(12, 17))],
    'flip': [dict(type='RandomFlip', prob=1.)],
    'vertical': [dict(type='RandomFlip', prob=1., direction='vertical')],
    'scale': [dict(type='RandomResize', scale=(31, 23), ratio_range=(0.5, 2), keep_ratio=True)],
    'all': [dict(type='RandomResize', scale=(31, 23), ratio_range=(0.5, 2), keep_ratio=True),
            dict(type='RandomCrop', crop_size=(14, 14), cat_max_ratio=0.75),
            dict(type='RandomFlip', prob=0.5), dict(type='PhotoMetricDistortion'),
            dict(type='Pad', size=(40, 40), pad_val=dict(img=0, seg=255))],
    'rotation': [dict(type='RandomRotate', prob=1., degree=(10, 20), seg_pad_val=255)],
    'cutout': [dict(type='RandomCutOut', prob=1., n_holes=3, cutout_shape=(5, 4),
                    seg_fill_in=255)],
}


@pytest.mark.parametrize('name', PIPELINES)
def test_through_real_transforms(name):
    init_default_scope('mmseg')
    pipeline = Compose([TRANSFORMS.build(step) for step in PIPELINES[name]])
    rng = np.random.RandomState(0)
    labels = rng.randint(0, 21, SIZE).astype(np.uint8)
    for _ in range(5):
        results = pipeline(dict(
            img=np.repeat(labels[..., None], 3, 2), gt_seg_map=labels, img_shape=SIZE,
            label_pixels=coordinates.pixel_numbers(*SIZE),
            seg_fields=['gt_seg_map', 'label_pixels']))
        after = results['gt_seg_map']
        source = coordinates.sources(results['label_pixels'], after.shape)
        inside = source >= 0
        agreement = (labels.ravel()[source[inside]] == after[inside]).mean()
        assert agreement == 1 if name != 'rotation' else agreement > 0.98
        assert (after[~inside] == 255).all()
        compact = coordinates.compact(source, SIZE[1])
        assert isinstance(compact, tuple) is (name not in ('rotation', 'cutout'))
        if name != 'rotation' and inside.any():
            top, left, patch = coordinates.write_back(
                np.where(inside, after + 1, 0).astype(np.uint8), compact, SIZE)
            part = labels[top:top + patch.shape[0], left:left + patch.shape[1]]
            drawn = np.zeros(SIZE, bool)
            drawn.ravel()[source[inside]] = True
            drawn = drawn[top:top + patch.shape[0], left:left + patch.shape[1]]
            np.testing.assert_array_equal(patch[drawn], part[drawn] + 1)
