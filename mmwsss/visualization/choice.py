"""Which images to look at: best, median, worst, each class, and the rest spread between."""
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mmwsss.evaluation.label_quality import count_labels
from mmwsss.evaluation.threshold_grid import strict_miou


@dataclass(frozen=True)
class Candidate:
    """An image that could be shown.

    Args:
        image_id: which.
        score: higher is better; None if it could not be judged.
        classes: label values that are said to be in it.
    """

    image_id: str
    score: float | None
    classes: frozenset[int] = field(default_factory=frozenset)


@dataclass
class Chosen:
    """An image to show, and what it is an example of: 'best', 'median', 'worst', or nothing."""

    candidate: Candidate
    reasons: list[str]


def image_iou(labels: np.ndarray, truth: np.ndarray, num_classes: int) -> float:
    """Mean IoU in % over the classes of one image; an ignored pixel counts as missed.

    (Left out, as it is in a table of labels, an image that ignores nearly all would be the best.)

    Args:
        labels, truth: (H, W), values 0 to C - 1 or 255; pixels where ``truth`` is 255 are left
            out.
        num_classes: C.

    Raises:
        ValueError: sizes differ, or other values.
    """
    return strict_miou(count_labels(labels, truth, num_classes))


def agreement(first: np.ndarray, second: np.ndarray) -> float:
    """% of pixels with the same label, of those that both label (255: not); 0 if there are none.

    Raises:
        ValueError: sizes differ.
    """
    if first.shape != second.shape:
        raise ValueError(f'label maps of {first.shape} and {second.shape} (H, W) for one image')
    both = (first != 255) & (second != 255)
    return float(100 * np.mean(first[both] == second[both])) if both.any() else 0.


def coverage(labels: np.ndarray) -> float:
    """% of pixels that are labelled as foreground."""
    return float(100 * np.mean((labels != 0) & (labels != 255)))


def choose(candidates: Sequence[Candidate], count: int = 12, most: int = 24) -> list[Chosen]:
    """Choose images that tell how it went.

    The best, the median (the lower one of two) and the worst by score; then, as long as a class is
    not shown, the image with the most classes not shown yet (of several the one nearest to the
    median); then those whose ranks lie farthest from the ranks chosen.

    Args:
        candidates: any number, ids unique.
        count: how many to choose.
        most: how many at most, where classes need it.

    Returns:
        Best first; images without a score last.
    """
    ranked = sorted(candidates, key=_order)
    if not ranked:
        return []
    scored = sum(entry.score is not None for entry in ranked)
    middle = scored // 2 if scored else len(ranked) // 2
    chosen: dict[int, list[str]] = {}
    if scored:
        for place, reason in ((0, 'best'), (middle, 'median'), (scored - 1, 'worst')):
            chosen.setdefault(place, []).append(reason)
    _cover_classes(ranked, chosen, middle, most)
    while len(chosen) < min(count, len(ranked)):
        chosen[_farthest(len(ranked), chosen, middle)] = []
    return [Chosen(ranked[place], chosen[place]) for place in sorted(chosen)]


def _order(entry: Candidate) -> tuple:
    return (entry.score is None, -(entry.score or 0), entry.image_id)


def _cover_classes(ranked: Sequence[Candidate], chosen: dict, middle: int, most: int) -> None:
    missing = frozenset().union(*(entry.classes for entry in ranked))
    missing -= frozenset().union(*(ranked[place].classes for place in chosen))
    while missing and len(chosen) < most:
        place = min(range(len(ranked)), key=lambda i: (
            -len(ranked[i].classes & missing), abs(i - middle), i))
        chosen.setdefault(place, [])
        missing -= ranked[place].classes


def _farthest(total: int, chosen: dict, middle: int) -> int:
    if not chosen:
        return middle
    taken = np.asarray(sorted(chosen))
    distance = np.abs(np.arange(total)[:, None] - taken).min(axis=1)
    return int(distance.argmax())
