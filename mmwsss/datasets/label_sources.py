"""Image-level labels from what people have: boxes, masks, tables, folders, the field's arrays.

Each function returns :class:`ImageLabels`; ``tools/make_image_labels.py`` is its command line.
"""
import csv
import json
import re
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Callable, Dict, Iterable, List, Optional, Sequence, Tuple
from xml.etree import ElementTree

import numpy as np

from mmwsss.knowledge.reference_files import read_pickled_array

from .classes import IGNORE_LABEL
from .image_ids import list_image_ids
from .image_labels import ImageLabels
from .transforms.load_seg_labels import read_label

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff')
LISTS = ('labels', 'label', 'classes', 'class', 'tags', 'tag', 'categories', 'category', 'names')


def from_voc_xml(folder, classes: Optional[Sequence[str]] = None, ids: Optional[Iterable] = None,
                 difficult: bool = True, workers: int = 0, progress: Callable = iter,
                 ) -> ImageLabels:
    """Classes of the boxes in PASCAL VOC annotation files (``<id>.xml``).

    Args:
        folder: folder of XML files.
        classes: foreground classes in label order; default: all that occur, sorted.
        ids: only these images; default: all files of the folder.
        difficult: count objects marked as difficult, as the field's labels do.
        workers: processes; 0 reads in this one.
        progress: wraps the iterator of files, such as ``rich.progress.track``.
    """
    ids = list_image_ids(str(folder), '.xml') if ids is None else list(ids)
    if not ids:
        raise ValueError(f'no .xml file in {folder}')
    read = partial(_names_in_xml, Path(folder), difficult)
    found = dict(zip(ids, progress(_parallel(read, ids, workers))))
    return _labels(found, classes)


def from_coco_json(path, name_of: Optional[Callable[[dict], str]] = None,
                   crowd: bool = False) -> ImageLabels:
    """Classes of the annotations of a COCO ``instances_*.json``; classes by category id.

    Images without annotation are kept, with no class.

    Args:
        path: the file.
        name_of: image entry -> id; default: ``file_name`` without suffix.
        crowd: count annotations of crowds.
    """
    content = read_json(path)
    try:
        categories = sorted(content['categories'], key=lambda entry: entry['id'])
        names = {entry['id']: entry['name'] for entry in categories}
        name_of = name_of or (lambda image: str(Path(image['file_name']).with_suffix('')))
        ids = {image['id']: name_of(image) for image in content['images']}
        found: Dict[str, set] = {image_id: set() for image_id in ids.values()}
        for entry in content['annotations']:
            if crowd or not entry.get('iscrowd', 0):
                found[ids[entry['image_id']]].add(names[entry['category_id']])
    except (KeyError, TypeError) as error:
        raise ValueError(f'{path} is no file of COCO instances: {error!r} is missing') from error
    return _labels(found, tuple(names.values()))


def from_masks(folder, classes: Sequence[str], suffix: str = '.png', min_pixels: int = 1,
               ids: Optional[Iterable] = None, workers: int = 0, progress: Callable = iter,
               ) -> ImageLabels:
    """Classes whose label value occurs in a mask: value ``k`` is the k-th class, 0 background.

    Args:
        folder: folder of masks, with sub-folders if there are any.
        classes: foreground classes in label order.
        suffix: of the masks.
        min_pixels: from how many pixels a class counts.
        ids, workers, progress: see :func:`from_voc_xml`.
    """
    ids = list_image_ids(str(folder), suffix) if ids is None else list(ids)
    if not ids:
        raise ValueError(f'no {suffix} file in {folder}')
    read = partial(_names_in_mask, Path(folder), suffix, tuple(classes), min_pixels)
    found = dict(zip(ids, progress(_parallel(read, ids, workers))))
    return _labels(found, classes)


def from_csv(path, classes: Optional[Sequence[str]] = None,
             separators: str = ';|,') -> ImageLabels:
    """A table with a header: ``image,labels``, or a 0/1 column a class.

    The first column holds the image, with or without suffix; Windows' ``\\`` parts folders too. An
    image may have several rows. Names are parted by any of ``separators``. Columns are parted by
    commas, semicolons or tabs, whichever the header has first.

    Raises:
        ValueError: for no such table; names file and row.
    """
    path = Path(path)
    rows = _table(path)
    if len(rows) < 2 or len(rows[0]) < 2:
        raise ValueError(f'{path}: expected a header and rows of at least two columns, such as '
                         'image,labels')
    header = [cell.strip() for cell in rows[0]]
    listed = len(header) == 2 and header[1].lower() in LISTS
    found: Dict[str, set] = {}
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(header):
            raise ValueError(f'{path}, row {number}: {len(row)} columns, the header has '
                             f'{len(header)}')
        names = _listed(row[1], separators) if listed else _ticked(row, header, path, number)
        found.setdefault(_csv_id(row[0]), set()).update(names)
    return _labels(found, classes if classes or listed else header[1:])


def from_class_folders(folder, classes: Optional[Sequence[str]] = None) -> ImageLabels:
    """One folder a class, holding its images; ids are ``class/name``."""
    folder = Path(folder)
    found = {path.relative_to(folder).with_suffix('').as_posix(): {path.parent.name}
             for path in sorted(folder.glob('*/*'))
             if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith('.')}
    if not found:
        raise ValueError(f'{folder} has no folders with images; expected {folder}/CLASS/IMAGE')
    return _labels(found, classes)


def from_cls_labels(path, classes: Sequence[str]) -> ImageLabels:
    """The field's ``cls_labels.npy``: a pickled dict, image id -> 0/1 vector of the classes.

    Read by an unpickler that builds arrays and containers only. Integer ids, as of IRN's file
    (2007000032), become VOC's (2007_000032).
    """
    with open(path, 'rb') as file:
        try:
            version = np.lib.format.read_magic(file)
            read = (np.lib.format.read_array_header_1_0 if version == (1, 0)
                    else np.lib.format.read_array_header_2_0)
            shape, _, dtype = read(file)
        except ValueError as error:
            raise ValueError(f'{path} is no .npy file: {error}') from error
        offset = file.tell()
    content = read_pickled_array(path, offset) if shape == () and dtype.hasobject else None
    content = content.item() if isinstance(content, np.ndarray) else content
    if not isinstance(content, dict):
        raise ValueError(f'{path} holds an array, not a dict of image id -> labels')
    found = {}
    for key, vector in content.items():
        vector = np.asarray(vector)
        if vector.shape != (len(classes), ):
            raise ValueError(f'{path}: labels of {key!r} have shape {vector.shape}, expected '
                             f'({len(classes)},)')
        found[_voc_id(key)] = {classes[i] for i in np.flatnonzero(vector)}
    return _labels(found, classes)


def _labels(found: Dict[str, Iterable[str]], classes: Optional[Sequence[str]]) -> ImageLabels:
    """Names of each image in class order."""
    if classes is None:
        classes = sorted({name for names in found.values() for name in names})
    order = {name: i for i, name in enumerate(classes)}
    return ImageLabels(tuple(classes), {
        image_id: tuple(sorted(names, key=lambda name: order.get(name, -1)))
        for image_id, names in found.items()})


def _parallel(function: Callable, items: List, workers: int) -> Iterable:
    if workers < 1:
        yield from map(function, items)
        return
    with get_context().Pool(workers) as pool:
        yield from pool.imap(function, items, chunksize=32)


def _names_in_xml(folder: Path, difficult: bool, image_id: str) -> set:
    path = folder / f'{image_id}.xml'
    try:
        root = ElementTree.parse(path).getroot()
    except FileNotFoundError:
        raise FileNotFoundError(f'the annotation {path} does not exist') from None
    except ElementTree.ParseError as error:
        raise ValueError(f'{path} is no readable XML: {error}') from error
    objects = [entry for entry in root.iter('object')
               if difficult or entry.findtext('difficult', '0').strip() != '1']
    return {entry.findtext('name', '').strip() for entry in objects}


def _names_in_mask(folder: Path, suffix: str, classes: Tuple[str, ...], min_pixels: int,
                   image_id: str) -> set:
    path = folder / f'{image_id}{suffix}'
    values, counts = np.unique(read_label(str(path)), return_counts=True)
    keep = (counts >= min_pixels) & (values != 0) & (values != IGNORE_LABEL)
    if keep.any() and values[keep].max() > len(classes):
        raise ValueError(f'{path} holds label {values[keep].max()}, but only {len(classes)} '
                         'classes are given')
    return {classes[value - 1] for value in values[keep]}


def _table(path: Path) -> List[List[str]]:
    try:
        with open(path, newline='', encoding='utf-8-sig') as file:
            header = file.readline()
            file.seek(0)
            comma = next((character for character in header if character in ',;\t'), ',')
            return [row for row in csv.reader(file, delimiter=comma) if row]
    except UnicodeDecodeError as error:
        raise ValueError(f'{path} is not UTF-8 ({error}): save it again as CSV UTF-8') from error


def _csv_id(cell: str) -> str:
    name = cell.strip().replace('\\', '/')
    return _without_suffix(name[2:] if name.startswith('./') else name)


def _listed(cell: str, separators: str) -> List[str]:
    return [name.strip() for name in re.split(f'[{re.escape(separators)}]', cell) if name.strip()]


def _ticked(row: List[str], header: List[str], path: Path, number: int) -> List[str]:
    wrong = [cell for cell in row[1:] if cell.strip() not in ('0', '1', '0.0', '1.0', '')]
    if wrong:
        raise ValueError(f'{path}, row {number}: {wrong[0]!r} where 0 or 1 is expected; a '
                         'table of names has two columns with the header image,labels')
    return [name for name, cell in zip(header[1:], row[1:]) if cell.strip() in ('1', '1.0')]


def _without_suffix(name: str) -> str:
    path = Path(name)
    return str(path.with_suffix('')) if path.suffix.lower() in IMAGE_SUFFIXES else name


def _voc_id(key) -> str:
    if isinstance(key, (int, np.integer)):
        return f'{int(key) // 10**6}_{int(key) % 10**6:06d}'
    return str(key)


def read_json(path) -> dict:
    """An object from a JSON file; ``ValueError`` naming the file for anything else."""
    with open(path, encoding='utf-8') as file:
        try:
            content = json.load(file)
        except ValueError as error:
            raise ValueError(f'{path} is no JSON file: {error}') from error
    if not isinstance(content, dict):
        raise ValueError(f'{path} is no file of COCO instances')
    return content
