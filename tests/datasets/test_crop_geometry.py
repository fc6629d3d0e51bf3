"""Boxes and maps follow what the augmentation did to the pixels."""
import random

import numpy as np
import pytest
import torch
from mmengine.registry import TRANSFORMS, init_default_scope
from PIL import Image

import mmwsss  # noqa: F401
from mmwsss.datasets.crop_geometry import META_KEYS, CropGeometry


def augmented(image, seed, direction='horizontal', prob=0.5, **crop):
    """What the pipeline of the classifier configs makes of an image, and where it lies."""
    init_default_scope('mmpretrain')
    random.seed(seed), np.random.seed(seed)
    results = dict(img=image, ori_shape=image.shape[:2], img_path='a.jpg')
    crop = dict(dict(long_side=(40, 80), crop_size=64, pad_value=(0, 0, 0)), **crop)
    for transform in (dict(type='RandomLongSideCrop', **crop),
                      dict(type='RandomFlip', prob=prob, direction=direction),
                      dict(type='PackInputs', meta_keys=META_KEYS)):
        results = TRANSFORMS.build(transform)(results)
    pixels = results['inputs'][0].float() / 255
    return pixels, CropGeometry.of(results['data_samples'].metainfo)


def blob(height, width, y, x, radius=9.):
    rows, columns = np.mgrid[:height, :width] + 0.5
    values = np.exp(-((rows - y)**2 + (columns - x)**2) / (2 * radius**2))
    return np.repeat((255 * values)[..., None], 3, axis=2).round().astype(np.uint8)


@pytest.mark.parametrize('seed', range(12))
@pytest.mark.parametrize('direction', ['horizontal', 'vertical'])
def test_maps_follow_the_pixels_both_ways(seed, direction):
    image = blob(50, 70, 22, 31)
    pixels, geometry = augmented(image, seed, direction)
    # image -> sample: at one value a pixel the map must be the augmented image itself
    whole = torch.from_numpy(image[..., 0]).float()[None] / 255
    seen = geometry.maps_to_sample(whole, stride=1, cell=1)[0]
    assert (seen - pixels).abs().max() < 0.06  # bicubic against bilinear
    # sample -> image, where it is covered
    back, covered = geometry.maps_to_image(pixels[None], (1, 1), stride=1)
    assert covered.any() and (back[0] - whole[0])[covered].abs().max() < 0.06
    assert (back[0][~covered] == 0).all()
    # coarse maps: means of cells
    coarse = torch.nn.functional.avg_pool2d(pixels[None], 4)
    back, covered = geometry.maps_to_image(coarse, (4, 4), stride=4)
    assert back.shape[1:] == covered.shape == (13, 18)
    expected = torch.nn.functional.interpolate(whole[None], (50, 70))[0, 0]
    expected = torch.nn.functional.avg_pool2d(expected[None], 4, ceil_mode=True)[0]
    assert (back[0] - expected)[covered].abs().max() < 0.2


def test_what_is_covered():
    geometry = CropGeometry((40, 40), (80, 80), (-16, 0), (64, 64))
    _, covered = geometry.maps_to_image(torch.rand(1, 4, 4), (16, 16), stride=1)
    assert covered.any(1).nonzero()[:, 0].tolist() == list(range(8, 40))
    assert covered.any(0).nonzero()[:, 0].tolist() == list(range(0, 32))
    mirrored = CropGeometry((40, 40), (80, 80), (-16, 0), (64, 64), (False, True))
    _, covered = mirrored.maps_to_image(torch.rand(1, 4, 4), (16, 16), stride=1)
    assert covered.any(0).nonzero()[:, 0].tolist() == list(range(0, 32))


def test_outside_the_image_is_nothing():
    geometry = CropGeometry((10, 10), (20, 20), (5, 30), (64, 64))
    seen = geometry.maps_to_sample(torch.ones(2, 3, 3), stride=4, cell=1)
    expected = torch.zeros(64, 64)
    expected[5:25, 30:50] = 1
    torch.testing.assert_close(seen, expected.expand(2, -1, -1))
    assert geometry.maps_to_sample(torch.ones(0, 3, 3), 4, 16).shape == (0, 4, 4)


@pytest.mark.parametrize('seed', range(6))
def test_boxes_follow_the_pixels(seed):
    image = np.zeros((50, 70, 3), np.uint8)
    image[10:30, 20:50] = 255
    pixels, geometry = augmented(image, seed)
    left, top, right, bottom = geometry.boxes_to_sample(torch.tensor([[20., 10, 50, 30]]))[0]
    rows, columns = (pixels > 0.5).any(1).nonzero()[:, 0], (pixels > 0.5).any(0).nonzero()[:, 0]
    assert abs(rows[0] - top) <= 1 and abs(rows[-1] + 1 - bottom) <= 1
    assert abs(columns[0] - left) <= 1 and abs(columns[-1] + 1 - right) <= 1


def test_whole_images():
    geometry = CropGeometry.whole((40, 20), (4, 2), flipped=True)
    assert geometry.boxes_to_sample(torch.tensor([[0., 10, 10, 40]])).tolist() == [[1, 1, 2, 4]]


def test_resizing_matches_pillow():
    image = blob(40, 40, 12, 30)
    pixels, geometry = augmented(image, 0, prob=0., long_side=(64, 64))
    exact = np.asarray(Image.fromarray(image).resize((64, 64), Image.Resampling.BILINEAR))
    seen = geometry.maps_to_sample(torch.from_numpy(image[..., 0]).float()[None] / 255, 1, 1)[0]
    assert (seen - torch.from_numpy(exact[..., 0]).float() / 255).abs().max() < 0.01
    assert geometry.offset == (0, 0)


def test_a_pipeline_that_records_nothing_is_refused():
    with pytest.raises(ValueError, match='a.jpg.*RandomLongSideCrop'):
        CropGeometry.of(dict(img_path='a.jpg', ori_shape=(4, 4), img_shape=(4, 4)))
