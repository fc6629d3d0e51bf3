"""The images of a report beside all that was made of them.

H, W: size of an image. C: classes, background included.
"""
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from . import pictures
from .choice import Candidate, Chosen, agreement, choose, coverage, image_iou
from .material import (
    Images,
    LabelMaps,
    Maps,
    class_values,
    evenly,
    listed_ids,
    open_labels,
    open_maps,
)
from .run_record import Run, is_number

# Judging an image takes some ten milliseconds: of a large set, this many are looked at.
MOST_JUDGED = 2000
# Shown beside the image in this order; the later one exists, the rather it is what is judged.
TRAINED_ON = {'seeds': 'seed', 'walk': 'pseudo label', 'relabel': 'second round'}


@dataclass
class Gallery:
    """One group of images.

    Args:
        title: what they are.
        how: how they were chosen, a sentence.
        rows: what to show of each: ``id``, ``reasons``, ``scores``, ``classes``, ``tiles``.
        values: label values that occur in the tiles.
        missing: names of classes that none of the images shows.
    """

    title: str
    how: str
    rows: list[dict] = field(default_factory=list)
    values: set[int] = field(default_factory=set)
    missing: list[str] = field(default_factory=list)

    @property
    def widest(self) -> int:
        """Tiles of the row that has most."""
        return max((len(row['tiles']) for row in self.rows), default=0)


@dataclass
class _Material:
    """What there is of the images of one list."""

    images: Images
    classes: Sequence[str]
    present: dict[str, frozenset[int]]
    maps: Maps | None
    threshold: float | None
    labels: dict[str, LabelMaps]
    masks: LabelMaps | None

    def judged(self, image_id: str) -> np.ndarray | None:
        """The last kind of labels that the image has, else those of its maps."""
        for maps in reversed(list(self.labels.values())):
            found = maps.read(image_id)
            if found is not None:
                return found
        if self.maps is not None:
            return self.maps.labels(image_id, 0.5 if self.threshold is None else self.threshold)
        return None


def galleries(run: Run, count: int = 12) -> list[Gallery]:
    """Training images with maps and labels, then validation images with predictions.

    Args:
        run: the pipeline.
        count: images to choose of the first group there is; the second shows half as many.
    """
    found = []
    for build in (_training, _validation):
        gallery = build(run, max(1, count // 2) if found else count)
        if gallery is not None and gallery.rows:
            found.append(gallery)
    return found


def _suffixes(run: Run) -> list[str]:
    given = [run.data.get('suffix'), *(run.data.get('suffixes') or ())]
    return [suffix for suffix in given if isinstance(suffix, str)]


def _training(run: Run, count: int) -> Gallery | None:
    ids = listed_ids(run.path('train_list'), run.notes.append)
    threshold = None
    maps_stage = run.stage('maps')
    if maps_stage is not None:
        threshold = maps_stage.read_json('quality').get('best_threshold')
    labels = {name: open_labels(run.output(stage, 'labels'), run.notes.append)
              for stage, name in TRAINED_ON.items()}
    material = _Material(
        images=Images([run.path('images')], _suffixes(run)), classes=run.classes,
        present=class_values(run.path('image_labels'), run.classes, run.notes.append),
        maps=open_maps(run.output('maps', 'activations'), run.notes.append),
        threshold=threshold if is_number(threshold) else None,
        labels={name: maps for name, maps in labels.items() if maps is not None},
        masks=open_labels(run.path('train_masks'), run.notes.append))
    if material.maps is None and not material.labels:
        return None
    return _gallery('Training images', ids, material, count, run.notes.append)


def _validation(run: Run, count: int) -> Gallery | None:
    predictions = open_labels(run.output('test', 'predictions'), run.notes.append)
    if predictions is None:
        return None
    ids = listed_ids(run.path('val_list'), run.notes.append)
    material = _Material(
        images=Images([run.path('val_images'), run.path('images')], _suffixes(run)),
        classes=run.classes,
        present=class_values(run.path('image_labels'), run.classes, run.notes.append),
        maps=None, threshold=None, labels={'prediction': predictions},
        masks=open_labels(run.path('val_masks'), run.notes.append))
    return _gallery('Validation images', ids, material, count, run.notes.append)


def _gallery(title: str, ids: Sequence[str], material: _Material, count: int,
             note: Callable[[str], None]) -> Gallery:
    looked_at = evenly(ids, MOST_JUDGED)
    how, candidates = _candidates(looked_at, material, note)
    chosen = choose(candidates, count)
    if len(looked_at) < len(ids):
        how += f' Chosen among {len(looked_at)} of {len(ids)}, evenly spread over the list.'
    gallery = Gallery(title, how)
    for entry in chosen:
        gallery.rows.append(_row(entry, material, gallery.values))
    every = frozenset().union(*(entry.classes for entry in candidates))
    seen = frozenset().union(*(entry.candidate.classes for entry in chosen))
    gallery.missing = [material.classes[value] for value in sorted(every - seen)]
    return gallery


def _candidates(ids: Sequence[str], material: _Material, note: Callable[[str], None]
                ) -> tuple[str, list[Candidate]]:
    """How images are scored, and all that have something to show."""
    what = next(reversed(material.labels), 'map')
    judged, masked = [], 0
    for image_id in ids:
        labels = material.judged(image_id)
        if labels is None:
            continue
        truth = None if material.masks is None else material.masks.read(image_id)
        masked += truth is not None
        judged.append((image_id, *_scores(image_id, labels, truth, material, note)))
    if masked:
        how = f'By mean IoU of the {what} in the image; ignored pixels count as missed.'
        place = 0
    elif len(material.labels) > 1:
        first = next(iter(material.labels))
        how = f'There are no masks; by the share of pixels where {first} and {what} agree.'
        place = 1
    else:
        how = f'There are no masks; by the share of pixels that the {what} calls foreground.'
        place = 2
    return how, [Candidate(image_id, scores[place], classes)
                 for image_id, scores, classes in judged]


def _scores(image_id: str, labels: np.ndarray, truth: np.ndarray | None, material: _Material,
            note: Callable[[str], None]) -> tuple[tuple, frozenset[int]]:
    """(IoU, agreement with the first kind of labels, coverage), and the classes of the image."""
    iou = same = None
    try:
        if truth is not None:
            iou = image_iou(labels, truth, len(material.classes))
        elif len(material.labels) > 1:
            first = next(iter(material.labels.values())).read(image_id)
            same = None if first is None else agreement(first, labels)
    except ValueError as error:
        note(f'{image_id}: {error}')
    if image_id in material.present:
        classes = material.present[image_id]
    else:
        classes = frozenset(_values(labels if truth is None else truth, len(material.classes)))
    return (iou, same, coverage(labels)), classes


def _values(labels: np.ndarray, num_classes: int) -> list[int]:
    return [int(value) for value in np.unique(labels) if 0 < value < num_classes]


def _row(chosen: Chosen, material: _Material, values: set[int]) -> dict:
    """One image: tiles, the classes in it, and what each kind of labels scores."""
    image_id = chosen.candidate.image_id
    image = material.images.read(image_id)
    names = [material.classes[value] for value in sorted(chosen.candidate.classes)]
    tiles = []
    if image is not None:
        tiles.append(dict(name='image', url=pictures.photo(image)))
    found = None if material.maps is None else material.maps.read(image_id)
    if found is not None and image is not None:
        tiles.append(dict(name='activation', url=pictures.maps_picture(image, *found)))
    truth = None if material.masks is None else material.masks.read(image_id)
    for name, maps in material.labels.items():
        labels = maps.read(image_id)
        if labels is not None:
            tiles.append(dict(name=name, url=pictures.labels_picture(labels),
                              iou=_iou(labels, truth, len(material.classes))))
            values.update(int(value) for value in np.unique(labels))
    if truth is not None:
        tiles.append(dict(name='mask', url=pictures.labels_picture(truth)))
        values.update(int(value) for value in np.unique(truth))
    return dict(id=image_id, reasons=chosen.reasons, score=chosen.candidate.score,
                classes=[dict(name=name, colour=pictures.colour(value)) for name, value in
                         zip(names, sorted(chosen.candidate.classes))],
                tiles=tiles)


def _iou(labels: np.ndarray, truth: np.ndarray | None, num_classes: int) -> float | None:
    try:
        return None if truth is None else image_iou(labels, truth, num_classes)
    except ValueError:
        return None
