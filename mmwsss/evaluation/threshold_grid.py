"""Quality of labels by two thresholds, for all pairs of them from one pass over the images.

NumPy only. C: classes including background (id 0), T: thresholds, H, W: size of an image.
Pixels whose true label is ``ignore_index`` never count.
"""
from collections.abc import Sequence

import numpy as np

from .label_quality import count_labels, label_quality


class ThresholdGrid:
    """Counts of the labels that two thresholds give, of all pairs of T thresholds.

    By :func:`mmwsss.labels.confident_labels` a pixel's label depends on two label maps alone, one
    a threshold: foreground is what the map of the high one says, background what neither says,
    the rest is ignored. So the T label maps of an image, refined or not, hold all pairs.

    Args:
        thresholds: ascending, in [0, 1].
        num_classes: C.
        ignore_index: true label that does not count.

    Raises:
        ValueError: fewer than two thresholds, not ascending, or out of range.
    """

    def __init__(self, thresholds: Sequence[float], num_classes: int, ignore_index: int = 255):
        self.thresholds = [float(value) for value in thresholds]
        ordered = sorted(set(self.thresholds))
        if ordered != self.thresholds or len(ordered) < 2 or ordered[0] < 0 or ordered[-1] > 1:
            raise ValueError('thresholds must be two or more ascending values in [0, 1], got '
                             f'{list(thresholds)}')
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.counts = {pair: np.zeros((num_classes, num_classes + 1), np.int64)
                       for pair in self.pairs()}

    def pairs(self) -> list[tuple[float, float]]:
        """All (background, foreground), background <= foreground."""
        return [(low, high) for i, low in enumerate(self.thresholds)
                for high in self.thresholds[i:]]

    def update(self, labels: Sequence[np.ndarray], truth: np.ndarray) -> None:
        """Add one image.

        Args:
            labels: T times (H, W), the label map at each threshold, without 255.
            truth: (H, W) true labels.

        Raises:
            ValueError: sizes differ, or unknown labels.
        """
        if len(labels) != len(self.thresholds):
            raise ValueError(f'{len(labels)} label maps for {len(self.thresholds)} thresholds')
        at = dict(zip(self.thresholds, labels))
        # Of each pair only what differs from the single threshold needs counting.
        single = {high: count_labels(at[high], truth, self.num_classes, self.ignore_index)
                  for high in self.thresholds}
        for low, high in self.pairs():
            counts = single[high].copy()
            ignored = (at[high] == 0) & (at[low] != 0) & (truth != self.ignore_index)
            moved = np.bincount(truth[ignored], minlength=self.num_classes)
            counts[:, 0] -= moved
            counts[:, -1] += moved
            self.counts[low, high] += counts

    def rows(self) -> list[dict]:
        """One dict a pair: ``background``, ``foreground``, ``miou``, ``mean_precision``,
        ``mean_recall``, ``ignored`` in %, and ``strict_miou``."""
        rows = []
        for (low, high), counts in self.counts.items():
            quality = label_quality(counts)
            rows.append(dict(background=low, foreground=high, strict_miou=strict_miou(counts),
                             **{name: quality[name] for name in (
                                 'miou', 'mean_precision', 'mean_recall', 'ignored')}))
        return rows


def strict_miou(counts: np.ndarray) -> float:
    """mIoU, in %, where an ignored pixel counts as missed for its true class.

    Leaving a pixel out is then worth something only where its label would have been wrong, whereas
    mIoU on the labelled pixels grows by ignoring more.

    Args:
        counts: (C, C + 1) from :func:`count_labels`.
    """
    correct = np.diag(counts[:, :-1]).astype(float)
    union = counts.sum(axis=1) + counts[:, :-1].sum(axis=0) - correct
    involved = union > 0
    return float(100 * np.mean(correct[involved] / union[involved])) if involved.any() else 0.
