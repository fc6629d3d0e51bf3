"""The images, maps, labels and masks that a report shows, wherever they lie.

H, W: size of an image. C: classes, background included. K: maps of an image.
"""
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from mmwsss.datasets.image_ids import read_image_ids
from mmwsss.datasets.image_labels import ImageLabels
from mmwsss.labels import ActivationStore, LabelStore
from mmwsss.labels.palette_png import decode_labels
from mmwsss.labels.stores import kind_of_store

_SUFFIXES = ('.jpg', '.jpeg', '.png', '.JPG', '.JPEG', '.PNG')
Note = Callable[[str], None]


class Images:
    """Images by id, in one or more folders.

    Args:
        folders: those that are not there are left out.
        suffixes: tried first.
    """

    def __init__(self, folders: Iterable[Path | None], suffixes: Sequence[str] = ()) -> None:
        self.folders = [folder for folder in folders if folder is not None]
        self.suffixes = tuple(dict.fromkeys([*suffixes, *_SUFFIXES]))

    def path(self, image_id: str) -> Path | None:
        """Its file, if there is one."""
        paths = (folder / f'{image_id}{suffix}' for folder in self.folders
                 for suffix in self.suffixes)
        return next((path for path in paths if path.is_file()), None)

    def read(self, image_id: str) -> Image.Image | None:
        """RGB, or None where there is none or it cannot be read."""
        path = self.path(image_id)
        try:
            if path is None:
                return None
            with Image.open(path) as image:
                return image.convert('RGB')
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            return None


class LabelMaps:
    """Label maps by image id, of a label store (its current version) or a folder of PNGs.

    Args:
        root: the folder.
        note: told once of each damaged file.

    Raises:
        ValueError: a store without a complete version.
    """

    def __init__(self, root: Path, note: Note) -> None:
        self.root, self._note = root, note
        self._noted: set[str] = set()
        self.store = LabelStore(root) if kind_of_store(root) == 'labels' else None
        if self.store is not None:
            self.store.manifest()

    def read(self, image_id: str) -> np.ndarray | None:
        """(H, W) uint8, or None where there is none."""
        try:
            if self.store is not None:
                held = self.store.manifest()['files']
                return self.store.read(image_id) if image_id in held else None
            # MMSegmentation's writers drop the sub-folders of an id.
            names = dict.fromkeys([image_id, image_id.rsplit('/', 1)[-1]])
            path = next((path for name in names for path in [self.root / f'{name}.png']
                         if path.is_file()), None)
            return None if path is None else decode_labels(path.read_bytes(), str(path))
        except (OSError, ValueError) as error:
            if image_id not in self._noted:
                self._noted.add(image_id)
                self._note(str(error))
            return None


def open_labels(root: Path | None, note: Note) -> LabelMaps | None:
    """Label maps, or None (and a note) where there are none yet."""
    if root is None:
        return None
    try:
        return LabelMaps(root, note)
    except (OSError, ValueError) as error:
        note(str(error))
        return None


class Maps:
    """Activation maps of a store by image id.

    Args:
        store: where they are.
        note: told of damaged files.
    """

    def __init__(self, store: ActivationStore, note: Note) -> None:
        self.store, self._note = store, note

    def read(self, image_id: str) -> tuple[list[int], np.ndarray] | None:
        """Label values (1 to C - 1) and maps (K, H, W) in [0, 1], or None where there are none."""
        if image_id not in self.store:
            return None
        try:
            classes, maps = self.store.read(image_id)
        except (OSError, ValueError) as error:
            self._note(str(error))
            return None
        return [label + 1 for label in classes], maps.clamp(0, 1).numpy()

    def labels(self, image_id: str, threshold: float) -> np.ndarray | None:
        """(H, W) uint8: the class of the largest activation where it is above the threshold."""
        found = self.read(image_id)
        if found is None:
            return None
        values, maps = found
        if not values:
            return np.zeros(maps.shape[1:], np.uint8)
        best = np.asarray(values, np.uint8)[maps.argmax(0)]
        return np.where(maps.max(0) > threshold, best, 0).astype(np.uint8)


def open_maps(root: Path | None, note: Note) -> Maps | None:
    """Activation maps, or None (and a note) where there are none."""
    try:
        if root is None or kind_of_store(root) != 'activations':
            return None
        return Maps(ActivationStore(root), note)
    except (OSError, ValueError, KeyError) as error:
        note(str(error))
        return None


def listed_ids(path: Path | None, note: Note) -> list[str]:
    """Ids of a list; [] (and a note) where it cannot be read."""
    if path is None:
        return []
    try:
        return read_image_ids(str(path))
    except (OSError, ValueError) as error:
        note(str(error))
        return []


def class_values(path: Path | None, classes: Sequence[str], note: Note
                 ) -> dict[str, frozenset[int]]:
    """Label values (1 to C - 1) of each image of a file of image-level labels; {} without one.

    Args:
        path: the file.
        classes: (C,) names by label value.
    """
    if path is None:
        return {}
    try:
        labels = ImageLabels.load(path)
    except (OSError, ValueError) as error:
        note(str(error))
        return {}
    values = {name: value for value, name in enumerate(classes) if value}
    return {image_id: frozenset(values[name] for name in names if name in values)
            for image_id, names in labels.images.items()}


def evenly(items: Sequence, most: int) -> list:
    """At most ``most`` of the items, evenly spread, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    places = np.linspace(0, len(items) - 1, most).astype(int)
    return [items[place] for place in places]
