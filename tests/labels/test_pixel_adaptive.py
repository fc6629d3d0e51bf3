"""Pixel-adaptive refinement against loops over pixels."""
import math

import numpy as np
import pytest
import torch

from mmwsss.labels import (
    CRFRefiner,
    PixelAdaptiveSettings,
    build_refiner,
    pixel_adaptive_refine,
    refine_masks,
)


def slow(image, masks, dilations, sigma, iterations):
    """image (3, H, W) and masks (C, H, W) as nested loops in float64."""
    _, h, w = image.shape
    places = [(dy * d, dx * d) for d in dilations for dy in (-1, 0, 1) for dx in (-1, 0, 1)
              if (dy, dx) != (0, 0)]
    weights = np.zeros((h, w, len(places)))

    def inside(y, x):
        return min(max(y, 0), h - 1), min(max(x, 0), w - 1)

    for y in range(h):
        for x in range(w):
            score = np.zeros(len(places))
            for channel in image:
                near = [channel[inside(y + dy, x + dx)] for dy, dx in places]
                std = np.std([channel[y, x], *near], ddof=1)
                score += [-abs(channel[y, x] - v) / (sigma * std + 1e-8) for v in near]
            score = [math.exp(s / len(image)) for s in score]
            weights[y, x] = np.array(score) / sum(score)
    for _ in range(iterations):
        new = np.zeros_like(masks)
        for y in range(h):
            for x in range(w):
                for weight, (dy, dx) in zip(weights[y, x], places):
                    near_y, near_x = inside(y + dy, x + dx)
                    new[:, y, x] += weight * masks[:, near_y, near_x]
        masks = new
    return masks


def test_equals_loops_over_pixels_in_a_batch():
    images = torch.rand(2, 3, 7, 9, dtype=torch.float64) * 255
    masks = torch.rand(2, 4, 7, 9, dtype=torch.float64)
    settings = PixelAdaptiveSettings((1, 3), sigma=0.4, iterations=3)
    got = refine_masks(images, masks, settings)
    for image, mask, ours in zip(images, masks, got):
        expected = slow(image.numpy(), mask.numpy(), (1, 3), 0.4, 3)
        assert np.abs(ours.numpy() - expected).max() < 1e-7


def scene(h=40, w=50):
    y, x = np.mgrid[:h, :w]
    disc = (y - h / 2) ** 2 + (x - w / 2) ** 2 < (h / 3) ** 2
    noise = np.random.default_rng(0).normal(0, 8, (h, w, 3))
    image = np.where(disc[..., None], (200, 60, 40), (60, 120, 160)) + noise
    return image.clip(0, 255).astype(np.uint8), disc


def test_labels_move_to_the_colours_edge():
    image, disc = scene()
    shifted = np.roll(disc, 3, axis=1).astype(np.uint8) * 15
    refined = pixel_adaptive_refine(image, shifted)
    assert refined.dtype == np.uint8 and set(np.unique(refined)) == {0, 15}
    before, after = (((labels == 15) == disc).mean() for labels in (shifted, refined))
    assert after > 0.97 > before


def test_probabilities_stay_probabilities_and_rare_classes_are_left_out():
    image, _ = scene()
    p = torch.rand(4, 40, 50).softmax(dim=0)
    many = torch.cat([p * 0.999, torch.full((17, 40, 50), 0.001 / 17)])
    refined = pixel_adaptive_refine(image, many)
    assert refined.shape == many.shape and refined[4:].abs().max() == 0
    assert torch.allclose(refined.sum(dim=0), torch.full((40, 50), 0.999), atol=1e-4)
    everything = pixel_adaptive_refine(image, many, min_probability=0)
    assert torch.allclose(everything[:4], refined[:4])


def test_flat_images_average_and_leave_no_nan():
    masks = torch.rand(1, 2, 8, 9)
    refined = refine_masks(torch.full((1, 3, 8, 9), 7.), masks,
                           PixelAdaptiveSettings((1, ), iterations=1))
    near = masks[:, :, 2:5, 2:5].sum(dim=(2, 3)) - masks[:, :, 3, 3]
    assert torch.allclose(refined[:, :, 3, 3], near / 8)


def test_no_iterations_change_nothing_and_masks_get_gradients():
    masks = torch.rand(1, 2, 8, 9, requires_grad=True)
    images = torch.rand(1, 3, 8, 9)
    assert torch.equal(refine_masks(images, masks, PixelAdaptiveSettings(iterations=0)), masks)
    refine_masks(images, masks)[0, 0].sum().backward()
    assert masks.grad[0, 0].abs().sum() > 0 == masks.grad[0, 1].abs().sum()


def test_refiners_are_built_from_plain_values():
    image, disc = scene()
    labels = torch.from_numpy(np.roll(disc, 3, axis=1).astype(np.uint8))
    refiner = build_refiner(dict(preset='pixel_adaptive', iterations=2))
    assert refiner.settings() == dict(dilations=(1, 2, 4, 8, 12, 24), sigma=0.1, iterations=2,
                                      preset='pixel_adaptive')
    expected = pixel_adaptive_refine(image, labels, PixelAdaptiveSettings(iterations=2),
                                     classes=[0, 1, 5])
    assert torch.equal(refiner(image, labels, [0, 1, 5]), expected)
    assert build_refiner(refiner) is refiner and build_refiner(None) is None
    assert isinstance(build_refiner('irn'), CRFRefiner)
    assert build_refiner(dict(iterations=3)).crf.iterations == 3


@pytest.mark.parametrize('make, message', [
    (lambda: PixelAdaptiveSettings(()), 'dilations must be'),
    (lambda: PixelAdaptiveSettings((0, )), 'dilations must be'),
    (lambda: PixelAdaptiveSettings(sigma=0), 'sigma must be positive'),
    (lambda: PixelAdaptiveSettings(iterations=-1), 'iterations must be'),
    (lambda: build_refiner(dict(preset='pixel_adaptive', widths=3)), 'has no widths; it takes'),
    (lambda: build_refiner('voc'), "no CRF preset 'voc'"),
    (lambda: refine_masks(torch.rand(1, 3, 4, 5), torch.rand(1, 2, 5, 4)), 'must be of one size'),
    (lambda: pixel_adaptive_refine(np.zeros((4, 5, 3), np.uint8), np.zeros((5, 4), int)),
     r'image is \(4, 5\)'),
])
def test_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()
