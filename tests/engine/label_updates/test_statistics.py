"""UpdateCounts against counting pixel by pixel."""
import numpy as np
import pytest

from mmwsss.engine.label_updates.statistics import UpdateCounts, describe

NAMES = ['background', 'cat', 'dog']


def test_shares_are_those_of_the_pixels():
    rng = np.random.RandomState(0)
    counts, pixels = UpdateCounts(3), []
    for _ in range(3):
        old, new, truth = (rng.choice([0, 1, 2, 255], (6, 7)).astype(np.uint8) for _ in range(3))
        counts.add(old, new, truth)
        pixels += list(zip(old.ravel().tolist(), new.ravel().tolist(), truth.ravel().tolist()))
    same = np.full((2, 3), 2, np.uint8)
    counts.add(same, same)
    pixels += [(2, 2, 255)] * 6
    summary, total = counts.summary(NAMES), len(pixels)
    assert summary['changed'] == pytest.approx(100 * sum(a != b for a, b, _ in pixels) / total)
    assert summary['foreground'] == pytest.approx(
        100 * sum(b in (1, 2) for _, b, _ in pixels) / total)
    assert summary['images_changed'] == 75
    for label in (1, 2):
        gain = sum(b == label for _, b, _ in pixels) - sum(a == label for a, _, _ in pixels)
        assert summary.get(f'gained/{NAMES[label]}', 0) == pytest.approx(100 * gain / total)
    ious = []
    for label in range(3):
        judged = [(b, t) for _, b, t in pixels if t != 255 and b != 255]
        both = sum(b == t == label for b, t in judged)
        ious.append(100 * both / sum(label in pair for pair in judged))
    assert summary['miou'] == pytest.approx(np.mean(ious))
    assert sum(array.sum() for array in counts.arrays()) > 0
    line = describe(summary)
    assert f'{summary["changed"]:.2f} % of pixels' in line and 'mIoU' in line


def test_without_masks_and_changes():
    counts = UpdateCounts(3)
    labels = np.array([[0, 1], [2, 255]], np.uint8)
    counts.add(labels, labels)
    summary = counts.summary(NAMES)
    assert summary == dict(changed=0, foreground=50, images_changed=0)
    assert describe(summary) == '0.00 % of pixels in 0 % of images changed; foreground 50.00 %'
