"""How good pseudo labels are: exact counts, and whole threshold curves at the cost of one pass.

NumPy only. C: classes including background (id 0), H, W: size of an image, K: maps of an image.
Pixels whose true label is ``ignore_index`` never count.
"""
from collections.abc import Sequence

import numpy as np

THRESHOLDS = 256


def count_labels(labels: np.ndarray, truth: np.ndarray, num_classes: int,
                 ignore_index: int = 255) -> np.ndarray:
    """Pixels by true and given label.

    Args:
        labels, truth: (H, W) integers, 0…C−1 or ``ignore_index``.

    Returns:
        int64 (C, C + 1): row = true class, column = given label, the last one ``ignore_index``.

    Raises:
        ValueError: sizes differ, or other values.
    """
    if labels.shape != truth.shape:
        raise ValueError(f'labels are {labels.shape} (H, W), their true mask {truth.shape}')
    for name, array in (('labels', labels), ('true mask', truth)):
        _check_values(name, array, num_classes, ignore_index)
    counted = truth != ignore_index
    given = labels[counted].astype(np.int64)
    given[given == ignore_index] = num_classes
    cells = truth[counted].astype(np.int64) * (num_classes + 1) + given
    return np.bincount(cells, minlength=num_classes * (num_classes + 1)).reshape(
        num_classes, num_classes + 1)


def _check_values(name: str, array: np.ndarray, num_classes: int, ignore_index: int) -> None:
    bad = ((array < 0) | (array >= num_classes)) & (array != ignore_index)
    if bad.any():
        raise ValueError(f'{name}: values {np.unique(array[bad])[:10].tolist()} are neither '
                         f'0…{num_classes - 1} nor {ignore_index}: check num_classes and which '
                         'masks these are')


def label_quality(counts: np.ndarray) -> dict:
    """Rates from :func:`count_labels` summed over images.

    A pixel that the labels ignore (255) is left out of IoU, FP and FN rates, as in training; in
    recall it counts as missed. Look at the ignored share beside a mIoU.

    Args:
        counts: (C, C + 1).

    Returns:
        ``iou``, ``precision``, ``recall``: (C,) in %, NaN where a class is neither true nor
        given. ``fp_rate`` and ``fn_rate``: (C,), wrong and missed pixels over the union, in %
        (they and ``iou`` sum to 100). ``miou``, ``mean_precision``, ``mean_recall``,
        ``mean_fp_rate``, ``mean_fn_rate``: means over the other classes. ``ignored``: % of
        pixels that the labels ignore. All NaN if no pixel counts.
    """
    square = counts[:, :-1]
    correct = np.diag(square).astype(float)
    return _rates(correct, given=square.sum(axis=0), true_labelled=square.sum(axis=1),
                  true=counts.sum(axis=1), ignored=_percent(counts[:, -1].sum(), counts.sum()))


def _rates(correct, given, true_labelled, true, ignored) -> dict:
    union = given + true_labelled - correct
    rates = dict(
        iou=_percent(correct, union), precision=_percent(correct, given),
        recall=_percent(correct, true), fp_rate=_percent(given - correct, union),
        fn_rate=_percent(true_labelled - correct, union))
    # A class that is there but never given, or given but never there, counts with 0.
    involved = (given + true) > 0
    for name in ('iou', 'precision', 'recall'):
        rates[name] = np.where(involved, np.nan_to_num(rates[name]), np.nan)
    means = {('miou' if name == 'iou' else f'mean_{name}'):
             float(np.nanmean(values)) if np.isfinite(values).any() else float('nan')
             for name, values in rates.items()}
    return {**rates, **means, 'ignored': float(ignored)}


def _percent(part, whole):
    with np.errstate(invalid='ignore', divide='ignore'):
        return 100 * np.asarray(part, float) / np.asarray(whole, float)


class ThresholdCurve:
    """Quality of activation maps at 256 background thresholds 0, 1/255, …, 1.

    At threshold t a pixel gets the class of its largest activation if that is > t, else
    background; both are compared in the precision of the maps, so that these are the labels of
    :func:`mmwsss.labels.seed_labels` to the last pixel. Each image is looked at once: a pixel is
    foreground below some threshold and background from there on, so a histogram over that place
    holds all 256 confusion matrices' diagonals and sums.

    Args:
        num_classes: C.
        ignore_index: true label that does not count.
    """

    def __init__(self, num_classes: int, ignore_index: int = 255):
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        bins = THRESHOLDS + 1  # at how many of the thresholds a pixel is foreground: 0…256
        self._given = np.zeros((num_classes, bins), np.int64)
        self._correct = np.zeros((num_classes, bins), np.int64)
        self._true_background = np.zeros(bins, np.int64)
        self._true = np.zeros(num_classes, np.int64)

    @property
    def pixels(self) -> int:
        """How many pixels count so far."""
        return int(self._true.sum())

    def update(self, maps: np.ndarray, label_ids: Sequence[int], truth: np.ndarray) -> None:
        """Add one image.

        Args:
            maps: (K, H, W) activations in [0, 1] of the image's classes; K may be 0.
            label_ids: K label ids, 1…C−1.
            truth: (H, W) true labels.

        Raises:
            ValueError: sizes differ, NaN or values outside [0, 1], unknown ids or labels.
        """
        maps = np.asarray(maps)
        if maps.shape[1:] != truth.shape or len(maps) != len(label_ids):
            raise ValueError(f'maps {maps.shape} (K, H, W) with {len(label_ids)} ids do not fit '
                             f'a true mask of {truth.shape}')
        if not all(0 < label < self.num_classes for label in label_ids):
            raise ValueError(f'label ids {list(label_ids)} must lie in 1…{self.num_classes - 1}')
        if maps.size and not (maps.min() >= 0 and maps.max() <= 1):  # also refuses NaN
            raise ValueError(f'activations must lie in [0, 1], got {maps.min()} to {maps.max()}')
        if len(maps) == 0:
            maps, label_ids = np.zeros((1, *truth.shape)), [0]
        _check_values('true mask', truth, self.num_classes, self.ignore_index)
        counted = truth != self.ignore_index
        best = maps.max(axis=0)[counted]
        given = np.asarray(label_ids)[maps.argmax(axis=0)[counted]]
        true = truth[counted].astype(np.int64)
        place = _thresholds_below(best)
        bins = self._given.shape[1]
        self._given += _histogram(given, place, self.num_classes, bins)
        right = given == true
        self._correct += _histogram(given[right], place[right], self.num_classes, bins)
        self._true_background += np.bincount(place[true == 0], minlength=bins)
        self._true += np.bincount(true, minlength=self.num_classes)

    def merge(self, other: 'ThresholdCurve') -> None:
        """Add the images of another curve of the same classes."""
        for name in ('_given', '_correct', '_true_background', '_true'):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def quality(self, index: int) -> dict:
        """Rates of :func:`label_quality` at threshold ``index`` / 255."""
        given = self._given[:, index + 1:].sum(axis=1)
        correct = self._correct[:, index + 1:].sum(axis=1).astype(float)
        given[0] = self._given[:, :index + 1].sum()
        correct[0] = self._true_background[:index + 1].sum()
        return _rates(correct, given, self._true, self._true, ignored=0.)

    def curve(self) -> dict:
        """(256,) arrays ``threshold``, ``miou``, ``mean_precision``, ``mean_recall``."""
        rows = [self.quality(index) for index in range(THRESHOLDS)]
        return dict(threshold=np.arange(THRESHOLDS) / (THRESHOLDS - 1),
                    **{name: np.array([row[name] for row in rows])
                       for name in ('miou', 'mean_precision', 'mean_recall')})

    def best(self) -> int:
        """Index of the threshold with the highest mIoU, the lowest of equal ones.

        Raises:
            ValueError: no pixel counts.
        """
        if not self.pixels:
            raise ValueError(f'no pixel has a true label other than {self.ignore_index}: there is '
                             'nothing to judge; check the masks')
        return int(np.nanargmax(self.curve()['miou']))


def _thresholds_below(values: np.ndarray) -> np.ndarray:
    """How many of the 256 thresholds lie below each value in [0, 1]: int64, 0…255.

    Stored maps are multiples of 1/255, so ties are common: 128/255 in float32 exceeds 128/255 in
    float64. Labels are made by comparing in the maps' own precision, and so it is done here.
    """
    if values.dtype.kind != 'f':
        values = values.astype(np.float64)
    thresholds = (np.arange(THRESHOLDS) / (THRESHOLDS - 1)).astype(values.dtype)
    # A first guess, off by one at most, and a look at the thresholds beside it: several times as
    # fast as np.searchsorted(thresholds, values).
    place = np.ceil(values * (THRESHOLDS - 1)).astype(np.int64)
    place -= (place > 0) & (thresholds[np.maximum(place - 1, 0)] >= values)
    return place + (thresholds[place] < values)


def _histogram(labels, places, num_classes: int, bins: int) -> np.ndarray:
    return np.bincount(labels * bins + places, minlength=num_classes * bins).reshape(
        num_classes, bins)
