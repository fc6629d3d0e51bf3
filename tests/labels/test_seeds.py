"""Seeds, each rule against a loop over the pixels."""
import pytest
import torch

from mmwsss.labels import (
    confident_labels,
    dense_crf,
    normalize_activations,
    power_background,
    restrict_classes,
    seed_labels,
    threshold_background,
    walk_labels,
)

SHAPE = (2, 6, 7)
IDS = [3, 15]


def naive_labels(maps, ids, background):
    c, h, w = maps.shape
    labels = torch.zeros(h, w, dtype=torch.uint8)
    for y in range(h):
        for x in range(w):
            best = max(range(c), key=lambda i: maps[i, y, x])
            if maps[best, y, x] > background(maps[best, y, x]):
                labels[y, x] = ids[best]
    return labels


def test_threshold_and_power():
    maps = torch.rand(SHAPE)
    assert torch.equal(seed_labels(threshold_background(maps, 0.6), IDS),
                       naive_labels(maps, IDS, lambda best: 0.6))
    assert torch.equal(seed_labels(power_background(maps, 2.), IDS),
                       naive_labels(maps, IDS, lambda best: (1 - best) ** 2))


def test_power_one_is_threshold_one_half():
    maps = torch.rand(SHAPE)
    assert torch.equal(seed_labels(power_background(maps, 1), IDS),
                       seed_labels(threshold_background(maps, 0.5), IDS))


def test_normalising_uses_each_class_maximum():
    maps = torch.randn(SHAPE) * torch.tensor([1., 50.])[:, None, None]
    scaled = normalize_activations(maps)
    assert scaled.min() == 0
    assert torch.allclose(scaled.amax(dim=(1, 2)), torch.ones(2), atol=1e-4)
    assert normalize_activations(torch.zeros(SHAPE)).max() == 0


def test_only_the_images_classes_stay():
    maps = torch.rand(20, 4, 4)
    kept, ids = restrict_classes(maps, [14, 2, 14])
    assert ids == [3, 15] and torch.equal(kept, maps[[2, 14]])
    for wrong in ([20], [-1]):
        with pytest.raises(ValueError, match='must lie in 0…19'):
            restrict_classes(maps, wrong)


def test_confident_labels_are_irns():
    maps = torch.rand(SHAPE) ** 3
    labels = confident_labels(maps, IDS, foreground=0.35, background=0.10)
    for y in range(6):
        for x in range(7):
            best = maps[:, y, x].argmax()
            value = maps[best, y, x]
            expected = IDS[best] if value > 0.35 else 255 if value > 0.10 else 0
            assert labels[y, x] == expected
    assert set(labels.unique().tolist()) == {0, 3, 15, 255}


def test_confident_labels_refine_both_maps():
    maps = torch.zeros(1, 2, 3)
    maps[0] = torch.tensor([[0.9, 0.2, 0.0], [0.9, 0.2, 0.0]])
    seen = []

    def refine(labels):
        seen.append(labels.clone())
        return labels.roll(1, dims=-1)

    labels = confident_labels(maps, [7], refine=refine)
    assert [both.tolist() for both in seen] == [[[[7, 0, 0]] * 2, [[7, 7, 0]] * 2]]
    assert labels.tolist() == [[0, 7, 255]] * 2


def test_confident_labels_with_a_crf():
    maps = torch.zeros(1, 24, 24)
    maps[0, 6:18, 6:18] = 0.9
    maps[0, 4:20, 4:20] += 0.09
    image = (maps[0, :, :, None] > 0.5).expand(-1, -1, 3).byte() * 200
    labels = confident_labels(maps, [3], refine=lambda labels: dense_crf(
        image, labels, classes=[0, 3]))
    assert labels[12, 12] == 3 and labels[0, 0] == 0


def test_images_without_classes_are_background():
    empty = torch.zeros(0, 3, 4)
    assert confident_labels(empty, []).tolist() == [[0] * 4] * 3
    assert seed_labels(power_background(empty, 2), []).tolist() == [[0] * 4] * 3
    assert walk_labels(empty, [], (10, 14)).tolist() == [[0] * 14] * 10


def test_walk_labels_divide_by_the_maximum_of_all_classes():
    walked = torch.zeros(2, 3, 4)
    walked[0, 1, 1], walked[1, 2, 3] = 0.008, 0.001
    labels = walk_labels(walked, IDS, (10, 14), background=0.25)
    large = torch.nn.functional.interpolate(walked[None], scale_factor=4, mode='bilinear')[0]
    large = large[:, :10, :14]
    assert torch.equal(labels, naive_labels(large / large.max(), IDS, lambda best: 0.25))
    assert labels.shape == (10, 14) and set(labels.unique().tolist()) == {0, 3}
    assert walk_labels(walked * 0, IDS, (10, 14)).max() == 0


@pytest.mark.parametrize('call, message', [
    (lambda: threshold_background(torch.rand(SHAPE), 1.5), 'threshold must lie'),
    (lambda: power_background(torch.rand(SHAPE), 0), 'power must be positive'),
    (lambda: confident_labels(torch.rand(SHAPE), IDS, 0.1, 0.3), 'background ≤ foreground'),
    (lambda: confident_labels(torch.rand(SHAPE), [3]), 'need as many different'),
    (lambda: seed_labels(torch.rand(SHAPE), [0]), 'need as many different'),
    (lambda: seed_labels(torch.rand(SHAPE), [255]), 'need as many different'),
    (lambda: normalize_activations(torch.full(SHAPE, float('nan'))), 'NaN or infinite'),
    (lambda: normalize_activations(torch.zeros(3, 3)), r'floating \(C, H, W\)'),
    (lambda: walk_labels(torch.rand(SHAPE), IDS, (25, 28)), 'do not cover'),
])
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
