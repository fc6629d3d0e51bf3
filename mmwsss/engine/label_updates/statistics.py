"""What an update did to the labels: counts that add up over images and ranks.

C: classes including background. H, W: size of an image.
"""
from collections.abc import Sequence

import numpy as np

from mmwsss.evaluation.label_quality import count_labels, label_quality


class UpdateCounts:
    """Pixels by old and new label, and by true and new label where masks are known.

    Args:
        num_classes: C.
        ignore_index: label of pixels without one.

    Attributes:
        moved: int64 (C + 1, C + 1), old label by new label; the last is ``ignore_index``.
        judged: int64 (C, C + 1), true by new label, as :func:`count_labels`.
    """

    def __init__(self, num_classes: int, ignore_index: int = 255):
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.moved = np.zeros((num_classes + 1, num_classes + 1), np.int64)
        self.judged = np.zeros((num_classes, num_classes + 1), np.int64)
        self.images = np.zeros(2, np.int64)  # all, and those with a changed pixel

    def add(self, old: np.ndarray, new: np.ndarray, truth: np.ndarray | None = None) -> None:
        """Add one image: (H, W) labels before and after, and its true mask."""
        size, changed = self.num_classes + 1, old != new
        stayed = self._index(old[~changed]) if changed.any() else self._index(old)
        self.moved[np.diag_indices(size)] += np.bincount(stayed, minlength=size)
        if changed.any():
            cells = self._index(old[changed]) * size + self._index(new[changed])
            self.moved += np.bincount(cells, minlength=size * size).reshape(size, size)
        self.images += (1, int(changed.any()))
        if truth is not None:
            self.judged += count_labels(new, truth, self.num_classes, self.ignore_index)

    def arrays(self) -> list[np.ndarray]:
        """All counts, to sum over ranks."""
        return [self.moved, self.judged, self.images]

    def summary(self, classes: Sequence[str]) -> dict[str, float]:
        """Shares in %, by name, for the log and the visual backends.

        Returns:
            ``changed`` and ``foreground`` (pixels), ``images_changed``, ``gained/<class>``
            (pixels that became this class less those that were it, background left out) and,
            with masks, ``miou``, ``precision`` and ``recall`` of the new labels.
        """
        total = max(int(self.moved.sum()), 1)
        new, old = self.moved.sum(axis=0), self.moved.sum(axis=1)
        changed = total - int(np.trace(self.moved)) if self.moved.any() else 0
        result = dict(
            changed=100 * changed / total,
            foreground=100 * int(new[1:-1].sum()) / total,
            images_changed=100 * int(self.images[1]) / max(int(self.images[0]), 1))
        for label in range(1, self.num_classes):
            gain = int(new[label] - old[label])
            if gain:
                result[f'gained/{classes[label]}'] = 100 * gain / total
        if self.judged.any():
            quality = label_quality(self.judged)
            result.update(miou=quality['miou'], precision=quality['mean_precision'],
                          recall=quality['mean_recall'])
        return {name: float(value) for name, value in result.items()}

    def _index(self, labels: np.ndarray) -> np.ndarray:
        labels = labels.ravel().astype(np.int64)
        labels[labels == self.ignore_index] = self.num_classes
        return labels


def describe(summary: dict[str, float], shown: int = 3) -> str:
    """A summary in words, for one line of the log."""
    gained = sorted(((value, name[len('gained/'):]) for name, value in summary.items()
                     if name.startswith('gained/')), key=lambda pair: -abs(pair[0]))
    parts = [f'{summary["changed"]:.2f} % of pixels in {summary["images_changed"]:.0f} % of '
             f'images changed', f'foreground {summary["foreground"]:.2f} %']
    if gained:
        parts.append(', '.join(f'{name} {value:+.2f} %' for value, name in gained[:shown]))
    if 'miou' in summary:
        parts.append(f'mIoU {summary["miou"]:.2f} %, precision {summary["precision"]:.2f} %, '
                     f'recall {summary["recall"]:.2f} %')
    return '; '.join(parts)
