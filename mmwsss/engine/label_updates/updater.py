"""Versions of a training set's labels: the originals, updates by predictions, going back.

H, W: size of an image.
"""
import os
import re
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from mmengine.dist import get_rank, get_world_size

from mmwsss.datasets.image_labels import ImageLabels
from mmwsss.datasets.transforms import read_label
from mmwsss.labels import LabelStore, complement_labels

from .distributed import on_all_ranks, on_main, sum_over_ranks
from .statistics import UpdateCounts
from .training_images import TrainingImages

_FOLDER = re.compile(r'(\d{6,})(\.part)?')


class LabelUpdater:
    """The label store of a training run. All ranks make one and call its methods together.

    Args:
        root: of the store; made if absent.
        images: of the training set.
        ignore_index: label of pixels without one.
        image_classes: which classes a prediction may add to an image. None: all. ``'labels'``:
            those of its original labels. Else a file of image-level labels.
        ignored, conflict: see :func:`mmwsss.labels.complement_labels`.
        masks: folder of true masks, to judge each version; never trained on. Images without one
            are not judged.
        threads: that read and write label maps.

    Raises:
        ValueError: the store holds other classes, or the image-level labels do not fit.
    """

    def __init__(self, root, images: TrainingImages, ignore_index: int = 255,
                 image_classes: str | None = None, ignored: str = 'fill',
                 conflict: str = 'prediction', masks: str | None = None, threads: int = 4):
        self.images = images
        self.rules = dict(ignore_index=ignore_index, ignored=ignored, conflict=conflict)
        self.masks = masks
        self.threads = threads
        self.restricted = image_classes == 'labels'
        self.allowed: dict[str, list[int]] = {}
        if image_classes is not None and not self.restricted:
            self.allowed = _allowed(image_classes, images)
        on_main(lambda: LabelStore(root, len(images.classes), ignore_index), 'opening the labels')
        self.store = LabelStore(root)
        self.own_ids = images.ids[get_rank()::get_world_size()]

    # Where a run starts

    def start(self) -> None:
        """Make the original labels version 1, the only and current one."""
        on_main(self._open_originals, 'reading the original labels')
        on_all_ranks(self._write_originals, 'reading the original labels')
        on_main(lambda: self.store.commit(1, self.images.ids), 'storing the original labels')
        on_main(lambda: self._drop_after(1), 'dropping the labels of an earlier run')

    def go_on(self, version: int) -> None:
        """Make ``version`` current and drop all later ones, whole or not.

        Raises:
            ValueError: it is not there, is damaged, or was made from other original labels.
        """
        on_main(lambda: self._go_on(version), 'going back to the labels of the checkpoint')

    def check(self, version: int) -> None:
        """Make sure that no label file of a version is missing or cut short (by its size)."""
        files, folder = self.store.manifest(version)['files'], self.store.labels_folder(version)
        missing = [image_id for image_id in self.images.ids if image_id not in files]
        if missing:
            raise ValueError(f'{self.store.root}: version {version} has no labels of '
                             f'{len(missing)} images of the training set: {missing[:3]}')
        for image_id, (size, *_) in files.items():
            path = folder / f'{image_id}.png'
            found = os.path.getsize(path) if path.exists() else None
            if found != size:
                state = 'gone' if found is None else f'{found} bytes long instead of {size}'
                raise ValueError(
                    f'{path} is {state}, so version {version} of the labels cannot be trained '
                    'on: put the file back, resume from a checkpoint of an older version, or '
                    f'delete {self.store.root} and start again')

    # Updating

    def update(self, version: int, predictions: Iterable[tuple[str, np.ndarray | None]],
               source: dict) -> UpdateCounts:
        """Write the next version and make it current.

        Args:
            version: one more than the current one.
            predictions: for each of ``own_ids``: (H, W) uint8 class ids, 0 where nothing is said,
                or None.
            source: plain values for the manifest.

        Returns:
            What changed, over all ranks.

        Raises:
            OSError, ValueError, RuntimeError: on all ranks; the current version stays.
        """
        counts = self._counts()
        on_main(lambda: self.store.discard(version), 'clearing a half-written version')
        on_all_ranks(lambda: self._write(version, predictions, source, counts),
                     f'writing version {version} of the labels')
        on_main(lambda: self.store.commit(version, self.images.ids),
                f'completing version {version} of the labels')
        sum_over_ranks(counts.arrays())
        return counts

    def describe(self, version: int) -> UpdateCounts:
        """Counts of a version by itself."""
        counts = self._counts()

        def work():
            for image_id in self.own_ids:
                labels = self.store.read(image_id, version)
                counts.add(labels, labels, self._truth(image_id))

        on_all_ranks(work, f'reading version {version} of the labels')
        sum_over_ranks(counts.arrays())
        return counts

    def sizes(self, version: int) -> dict[str, tuple[int, int]]:
        """(H, W) of this rank's images."""
        files = self.store.manifest(version)['files']
        return {image_id: tuple(files[image_id][2:]) for image_id in self.own_ids}

    # Inside

    def _counts(self) -> UpdateCounts:
        return UpdateCounts(len(self.images.classes), self.rules['ignore_index'])

    def _open_originals(self) -> None:
        source = dict(kind='original labels', originals=self.images.fingerprint())
        if 1 not in self.store.versions:
            try:
                self.store.begin(1, source)
            except ValueError:  # half-written from other labels
                self.store.discard(1)
                self.store.begin(1, source)
        elif self.store.manifest(1)['source'] != source:
            raise ValueError(f'{self.store.root} was made from other labels than '
                             f'{self._folders()}: delete it or name another store')

    def _folders(self) -> list:
        return [part.dataset.data_prefix.get('seg_map_path') for part in self.images.parts]

    def _write_originals(self) -> None:
        for image_id in self.store.pending(1, self.own_ids):
            self.store.write(1, image_id, self.images.load_labels(image_id))

    def _go_on(self, version: int) -> None:
        if version not in self.store.versions:
            raise ValueError(
                f'the checkpoint was made on version {version} of the labels in '
                f'{self.store.root}, which has only {self.store.versions}: put the store back, '
                'resume from another checkpoint, or start again without resuming')
        self.check(version)
        self.store.rollback(version)
        self._drop_after(version)

    def _drop_after(self, version: int) -> None:
        if self.store.current != version:
            self.store.rollback(version)
        for path in list((self.store.root / 'versions').iterdir()):
            match = _FOLDER.fullmatch(path.name)
            if match and int(match[1]) > version:
                self.store.discard(int(match[1]))

    def _write(self, version: int, predictions, source: dict, counts: UpdateCounts) -> None:
        self.store.begin(version, source)
        parent, waiting = self.store.current, deque()
        with ThreadPoolExecutor(max(self.threads, 1)) as pool:
            for image_id, prediction in predictions:
                waiting.append(pool.submit(self._write_one, version, parent, image_id, prediction))
                if len(waiting) > 4 * self.threads:  # as fast as the disk, not as memory
                    counts.add(*waiting.popleft().result())
            while waiting:
                counts.add(*waiting.popleft().result())

    def _write_one(self, version: int, parent: int, image_id: str,
                   prediction: np.ndarray | None) -> tuple:
        old = new = self.store.read(image_id, parent)
        if prediction is not None:
            if prediction.shape != old.shape:
                raise ValueError(f'{image_id}: the prediction is {prediction.shape} (H, W), the '
                                 f'labels {old.shape}')
            new = complement_labels(
                torch.from_numpy(old), torch.from_numpy(prediction), **self.rules,
                image_classes=self._allowed(image_id)).numpy()
        if np.array_equal(old, new):
            self.store.carry_over(version, image_id)
        else:
            self.store.write(version, image_id, new)
        return old, new, self._truth(image_id)

    def _allowed(self, image_id: str) -> Sequence[int] | None:
        if self.restricted and image_id not in self.allowed:
            present = np.unique(self.store.read(image_id, 1)).tolist()
            self.allowed[image_id] = [label for label in present
                                      if label not in (0, self.rules['ignore_index'])]
        return self.allowed.get(image_id)

    def _truth(self, image_id: str) -> np.ndarray | None:
        if self.masks is None:
            return None
        path = self.images.mask_path(image_id, self.masks)
        return read_label(str(path)) if path.exists() else None


def _allowed(path: str, images: TrainingImages) -> dict[str, list[int]]:
    """Label ids of each image by a file of image-level labels."""
    labels, classes = ImageLabels.load(path), images.classes[1:]
    unknown = sorted(set(labels.classes) - set(classes))
    if unknown:
        raise ValueError(f'{path} has the class {unknown[0]!r}, which the data set does not know')
    prefixes = {image_id: images.parts[image.part].ids.prefix
                for image_id, image in images.images.items()}
    names = {image_id: image_id[len(prefix):] for image_id, prefix in prefixes.items()}
    labels.select(names.values())  # says which images it lacks
    return {image_id: [index + 1 for index in labels.indices(name, classes)]
            for image_id, name in names.items()}
