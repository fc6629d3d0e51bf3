"""Image-level labels as one text file: which classes are in which image.

The file is JSON (UTF-8)::

    {"format": "mmwsss image labels", "version": 1,
     "classes": ["aeroplane", "bicycle", ...],
     "images": {
      "2007_000032": ["aeroplane", "person"],
      "2007_000039": ["tvmonitor"],
      ...}}

``classes`` are the foreground classes in label order. Keys of ``images`` are image ids: the path
of the image inside the image folder, without suffix. An empty list is an image with none of the
classes. Labels are names, so that a file never depends on row numbers. No torch in here.
"""
import json
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Dict, Iterable, List, Optional, Sequence, Tuple, Union

import numpy as np

from mmwsss.atomic_files import write_atomic

from .image_ids import check_image_id

FORMAT = 'mmwsss image labels'
VERSION = 1


@dataclass(frozen=True)
class ImageLabels:
    """Classes, and for each image id the names of those it shows.

    Args:
        classes (sequence of str): C different foreground classes, in label order.
        images (dict): image id -> names, each one of ``classes``, none twice.

    Raises:
        ValueError: for a class twice, an unknown name, or an unsafe id; names the image.
    """

    classes: Tuple[str, ...]
    images: Dict[str, Tuple[str, ...]]

    def __post_init__(self) -> None:
        object.__setattr__(self, 'classes', tuple(self.classes))
        object.__setattr__(self, 'images', {k: tuple(v) for k, v in self.images.items()})
        _check_classes(self.classes)
        known = set(self.classes)
        for image_id, names in self.images.items():
            check_image_id(image_id)
            _check_names(image_id, names, known)

    @classmethod
    def load(cls, path: Union[str, PathLike]) -> 'ImageLabels':
        """Read a label file.

        Raises:
            FileNotFoundError: if there is none.
            ValueError: if it is not such a file; names the file and what is wrong.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f'the image-level labels {path} do not exist: make them with '
                                    'tools/make_image_labels.py')
        try:
            content = json.loads(path.read_bytes().decode('utf-8-sig'),
                                 object_pairs_hook=_without_duplicates)
            return cls(*_fields(content))
        except ValueError as error:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
            raise ValueError(f'{path}: {error}') from error

    def save(self, path: Union[str, PathLike]) -> None:
        """Write the file, one image a line; it appears whole or not at all."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, self.dumps().encode())

    def dumps(self) -> str:
        """The text of the file, images sorted by id."""
        head = json.dumps(dict(format=FORMAT, version=VERSION, classes=self.classes),
                          ensure_ascii=False)
        rows = ',\n'.join(
            f' {json.dumps(image_id, ensure_ascii=False)}: '
            f'{json.dumps(self.images[image_id], ensure_ascii=False)}'
            for image_id in sorted(self.images))
        return f'{head[:-1]},\n"images": {{\n{rows}}}}}\n'

    def indices(self, image_id: str, classes: Optional[Sequence[str]] = None) -> List[int]:
        """Places of an image's classes in ``classes`` (default: this file's), ascending."""
        order = {name: i for i, name in enumerate(self.classes if classes is None else classes)}
        return sorted(order[name] for name in self.images[image_id])

    def one_hot(self, ids: Iterable[str]) -> np.ndarray:
        """(images, C) float32, 1 for a class in the image."""
        ids = list(ids)
        out = np.zeros((len(ids), len(self.classes)), np.float32)
        for row, image_id in enumerate(ids):
            out[row, self.indices(image_id)] = 1
        return out

    def select(self, ids: Iterable[str]) -> 'ImageLabels':
        """Only these images.

        Raises:
            ValueError: if some have no entry; says how many and the first.
        """
        ids = list(ids)
        lacking = [image_id for image_id in ids if image_id not in self.images]
        if lacking:
            raise ValueError(missing_labels(lacking, len(ids)))
        return ImageLabels(self.classes, {i: self.images[i] for i in ids})

    @property
    def unlabelled(self) -> List[str]:
        """Ids of images with none of the classes."""
        return [image_id for image_id, names in self.images.items() if not names]


def missing_labels(lacking: Sequence[str], total: int) -> str:
    """The message for listed images that a label file does not know."""
    first = ', '.join(lacking[:3]) + (', ...' if len(lacking) > 3 else '')
    return (f'{len(lacking)} of the {total} listed images have no entry in the image-level '
            f'labels: {first}: the labels belong to other images, or ids are written otherwise')


def _check_classes(classes: Sequence[str]) -> None:
    wrong = [name for name in classes if not isinstance(name, str) or not name.strip()]
    twice = sorted({name for name in classes if classes.count(name) > 1} if not wrong else ())
    if wrong or twice or not classes:
        raise ValueError('classes must be different non-empty names, at least one; wrong: '
                         f'{(wrong or twice)[:5]}')


def _check_names(image_id: str, names: Sequence[str], known: set) -> None:
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f'image {image_id!r} is labelled {unknown[0]!r}, which is not one of the '
                         f'{len(known)} classes')
    if len(set(names)) != len(names):
        raise ValueError(f'image {image_id!r} names a class twice: {list(names)}')


def _without_duplicates(pairs: List[tuple]) -> dict:
    content = dict(pairs)
    if len(content) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f'{twice!r} stands twice')
    return content


def _fields(content) -> tuple:
    """classes and images of a parsed file, with their types checked."""
    if not isinstance(content, dict) or content.get('format') != FORMAT:
        raise ValueError(f'no file of image-level labels ("format": "{FORMAT}" is missing); make '
                         'it with tools/make_image_labels.py')
    if content.get('version') != VERSION:
        raise ValueError(f'version {content.get("version")!r} of the format is unknown, this '
                         f'program reads {VERSION}')
    classes, images = content.get('classes'), content.get('images')
    if not isinstance(classes, list) or not isinstance(images, dict):
        raise ValueError('"classes" must be a list of names, "images" an object of lists')
    for image_id, names in images.items():
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValueError(f'the classes of image {image_id!r} must be a list of names, got '
                             f'{names!r}')
    return classes, images
