import random

import numpy as np
import pytest
from mmengine.registry import TRANSFORMS
from PIL import Image

from mmwsss.datasets.transforms import RandomLongSideCrop

PAD = (1, 2, 3)


def transform(image, **kwargs):
    made = TRANSFORMS.build(dict(type='RandomLongSideCrop', pad_value=PAD, **kwargs))
    return made(dict(img=image))


def noise(height, width):
    return np.random.default_rng(0).integers(10, 256, (height, width, 3), dtype=np.uint8)


def test_small_image_lies_whole_somewhere_in_the_padding():
    image = noise(20, 30)
    places = set()
    for seed in range(20):
        random.seed(seed)
        square = transform(image, long_side=(30, 30), crop_size=40)['img']
        inside = (square != PAD).any(axis=2)
        rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
        assert (len(rows), len(columns)) == (20, 30)
        np.testing.assert_array_equal(
            square[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1], image)
        places.add((rows[0], columns[0]))
    assert len(places) > 10


def test_large_image_is_cut():
    image = noise(20, 30)
    for seed in range(10):
        random.seed(seed)
        results = transform(image, long_side=(30, 30), crop_size=12)
        assert results['img'].shape == (12, 12, 3) and results['img_shape'] == (12, 12)
        windows = [(y, x) for y in range(9) for x in range(19)
                   if (image[y:y + 12, x:x + 12] == results['img']).all()]
        assert len(windows) == 1


def test_cut_in_one_direction_and_padded_in_the_other():
    square = transform(noise(10, 30), long_side=(30, 30), crop_size=16)['img']
    inside = (square != PAD).any(axis=2)
    assert inside.any(axis=1).sum() == 10 and inside.any(axis=0).all()


def test_longer_side_is_resized_bicubically():
    image = noise(20, 40)
    square = transform(image, long_side=(80, 80), crop_size=80)['img']
    rows = np.flatnonzero((square != PAD).any(axis=(1, 2)))
    expected = np.asarray(Image.fromarray(image).resize((80, 40), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(square[rows[0]:rows[0] + 40], expected)


def test_sizes_cover_the_range():
    sizes = set()
    for seed in range(60):
        random.seed(seed)
        square = transform(noise(8, 4), long_side=(6, 9), crop_size=20)['img']
        sizes.add(int((square != PAD).any(axis=(1, 2)).sum()))
    assert sizes == {6, 7, 8, 9}


@pytest.mark.parametrize('kwargs', [
    dict(long_side=(5, 4)), dict(long_side=(0, 4)), dict(crop_size=0)])
def test_bad_options(kwargs):
    with pytest.raises(ValueError, match='long_side'):
        RandomLongSideCrop(**kwargs)
