"""Image-level labels from what people have: boxes, masks, tables, folders, the field's arrays.

Each ``from_...`` returns :class:`ImageLabels`; ``tools/make_image_labels.py`` is its command line.
All raise ``ValueError`` for a class called background, which image-level labels do not name, and
for two files under one image id: ids have no suffix.
"""
import csv
import json
import re
import warnings
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Callable, Dict, Iterable, List, Optional, Sequence, Tuple
from xml.etree import ElementTree

import numpy as np

from mmwsss.knowledge.reference_files import read_pickled_array

from .classes import BACKGROUND, IGNORE_LABEL
from .image_ids import check_image_id, list_image_ids
from .image_labels import ImageLabels
from .transforms.load_any_image import read_image
from .transforms.load_seg_labels import read_label

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff')
VOC_YEARS = range(2007, 2013)
SHOWN = 5
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
    return _labels(found, classes, folder)


def from_coco_json(path, name_of: Optional[Callable[[dict], str]] = None,
                   crowd: bool = False, classes: Optional[Sequence[str]] = None) -> ImageLabels:
    """Classes of the annotations of a COCO ``instances_*.json``.

    Images without annotation are kept, with no class.

    Args:
        path: the file.
        name_of: image entry -> id; default: ``file_name`` without suffix.
        crowd: count annotations of crowds.
        classes: the file's categories in label order; default: by category id.

    Raises:
        ValueError: for no such file, or if ``classes`` are not those of the file; names which.
    """
    content = read_json(path)
    name_of = name_of or (lambda image: str(Path(image['file_name']).with_suffix('')))
    try:
        categories = sorted(content['categories'], key=lambda entry: entry['id'])
        names = {entry['id']: entry['name'] for entry in categories}
        ids = _coco_ids(content['images'], name_of, path)
        found: Dict[str, set] = {image_id: set() for image_id in ids.values()}
        for entry in content['annotations']:
            if crowd or not entry.get('iscrowd', 0):
                image_id, name = _annotated(entry, ids, names, path)
                found[image_id].add(name)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f'{path} is no file of COCO instances: {error!r} is missing') from error
    if classes is not None:
        _check_same_classes(classes, names.values(), path)
    return _labels(found, tuple(names.values()) if classes is None else classes, path)


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
    check_foreground(classes, folder)  # before masks are read for hours
    ids = list_image_ids(str(folder), suffix) if ids is None else list(ids)
    if not ids:
        raise ValueError(f'no {suffix} file in {folder}')
    read = partial(_names_in_mask, Path(folder), suffix, tuple(classes), min_pixels)
    found = dict(zip(ids, progress(_parallel(read, ids, workers))))
    return _labels(found, classes, folder)


def from_csv(path, classes: Optional[Sequence[str]] = None,
             separators: str = ';|,') -> ImageLabels:
    """A table with a header: ``image,labels``, or a 0/1 column a class.

    The first column holds the image, with or without suffix; Windows' ``\\`` parts folders too. An
    image may have several rows. Names are parted by any of ``separators``. Columns are parted by
    commas, semicolons or tabs, whichever the header has first. Rows of empty cells are skipped.

    Raises:
        ValueError: for no such table, a row without image, or two files (``a.jpg``, ``a.png``)
            under one id; names file and line.
    """
    path = Path(path)
    rows = _table(path)
    if len(rows) < 2 or len(rows[0][1]) < 2:
        raise ValueError(f'{path}: expected a header and rows of at least two columns, such as '
                         'image,labels')
    header = [cell.strip() for cell in rows[0][1]]
    listed = len(header) == 2 and header[1].lower() in LISTS
    found: Dict[str, set] = {}
    files: Dict[str, str] = {}
    for line, row in rows[1:]:
        where = f'{path}, line {line}'
        if len(row) != len(header):
            raise ValueError(f'{where}: {len(row)} columns, the header has {len(header)}')
        names = _listed(row[1], separators) if listed else _ticked(row, header, where)
        found.setdefault(_csv_id(row[0], files, where), set()).update(names)
    return _labels(found, classes if classes or listed else header[1:], path)


def from_class_folders(folder, classes: Optional[Sequence[str]] = None,
                       warn: Callable[[str], None] = warnings.warn) -> ImageLabels:
    """One folder a class, holding its images; ids are ``class/name``.

    Args:
        folder: folder of the class folders. Hidden files and folders (``.name``) do not count.
        classes: foreground classes in label order; default: the folders with images, sorted.
        warn: called with one line about files that have no part in it: those that lie elsewhere
            than in a class folder (in sub-folders, too), and those that are no images.
    """
    folder = Path(folder)
    found: Dict[str, set] = {}
    files: Dict[str, str] = {}
    skipped = []
    for path in _visible_files(folder):
        if len(path.parts) != 2 or path.suffix.lower() not in IMAGE_SUFFIXES:
            skipped.append(path.as_posix())
            continue
        image_id = path.with_suffix('').as_posix()
        _claim(files, image_id, path.as_posix(), folder)
        found[image_id] = {path.parts[0]}
    if not found:
        raise ValueError(f'{folder} has no folders with images; expected {folder}/CLASS/IMAGE')
    if skipped:
        warn(f'{len(skipped)} files of {folder} that are no {"|".join(IMAGE_SUFFIXES)} right in a '
             f'class folder: {_first(skipped)}')
    return _labels(found, classes, folder)


def from_cls_labels(path, classes: Sequence[str],
                    integer_ids: Optional[str] = '{}') -> ImageLabels:
    """The field's ``cls_labels.npy``: a pickled dict, image id -> 0/1 vector of the classes.

    Read by an unpickler that builds arrays and containers only.

    Args:
        path: the file. Keys are names or integers; VOC's, as of IRN's file (2007000032), become
            its ids (``2007_000032``).
        classes: C foreground classes, in the order of the vectors (C,).
        integer_ids: format that makes ids of all other integers, for COCO's image numbers
            ``'COCO_train2014_{:012d}'``. None: they are an error.

    Raises:
        ValueError: for no such file, a vector of another shape or with values other than 0 and 1,
            or two keys of one image; names file and image.
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
    found: Dict[str, set] = {}
    keys: Dict[str, str] = {}
    for key, vector in content.items():
        image_id = _id_of_key(key, integer_ids, path)
        _claim(keys, image_id, str(key), path,
               'once numbers become ids: remove one of them, or check --integer-ids')
        found[image_id] = {classes[i] for i in _ones(vector, len(classes), f'{path}, {key!r}')}
    return _labels(found, classes, path)


def check_foreground(classes: Iterable[str], source) -> None:
    """Raise ``ValueError`` if one of ``classes`` is the background, which shifts all the others.

    Masks have 0 there, and an image of background alone has no class. ``source`` is named.
    """
    wrong = [name for name in classes if str(name).strip(' _').lower() == BACKGROUND]
    if wrong:
        raise ValueError(f'{source}: {wrong[0]!r} is no class of image-level labels: leave it '
                         'out. The first foreground class is value 1 of masks; an image that '
                         'shows background alone has no class')


def find_images(folder, ids: Iterable[str]) -> Tuple[Dict[str, Path], List[str]]:
    """Id -> file ``folder/id`` with any suffix of images in small or capital letters, and the ids
    without one."""
    found, lacking = {}, []
    suffixes = [*IMAGE_SUFFIXES, *map(str.upper, IMAGE_SUFFIXES)]
    for image_id in ids:
        paths = (Path(folder) / f'{image_id}{suffix}' for suffix in suffixes)
        path = next((path for path in paths if path.is_file()), None)
        if path is None:
            lacking.append(image_id)
        else:
            found[image_id] = path
    return found, lacking


def without_broken_images(labels: ImageLabels, folder, workers: int = 0,
                          progress: Callable = iter) -> Tuple[ImageLabels, List[str]]:
    """Labels of the images that decode, and a line for each of the others.

    Args:
        labels: of any images.
        folder: the image folder.
        workers, progress: see :func:`from_voc_xml`.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if no image is left; names folder and first images.
    """
    if not Path(folder).is_dir():
        raise FileNotFoundError(f'the image folder {folder} does not exist: check --check-images')
    paths, lacking = find_images(folder, sorted(labels.images))
    wrong = {image_id: f'{image_id} is not in {folder}' for image_id in lacking}
    errors = progress(_parallel(_decoding_error, list(paths.values()), workers))
    wrong.update({image_id: error for image_id, error in zip(paths, errors) if error})
    kept = {k: names for k, names in labels.images.items() if k not in wrong}
    if not kept:
        raise ValueError(f'none of the {len(labels.images)} labelled images is in {folder} and '
                         f'can be decoded: {_first(sorted(wrong))}: another folder, or ids are '
                         'written otherwise')
    return ImageLabels(labels.classes, kept), [wrong[image_id] for image_id in sorted(wrong)]


def _decoding_error(path: Path) -> str:
    try:
        read_image(str(path))
    except (OSError, ValueError) as error:
        return str(error)
    return ''


def _labels(found: Dict[str, Iterable[str]], classes: Optional[Sequence[str]],
            source) -> ImageLabels:
    """Names of each image in class order."""
    if classes is None:
        classes = sorted({name for names in found.values() for name in names})
    check_foreground(classes, source)
    order = {name: i for i, name in enumerate(classes)}
    return ImageLabels(tuple(classes), {
        image_id: tuple(sorted(names, key=lambda name: order.get(name, -1)))
        for image_id, names in found.items()})


def _claim(files: Dict[str, str], image_id: str, name: str, where,
           why: str = 'since ids have no suffix: rename one of them') -> None:
    """Note that ``name`` is the file (or key) of an id; another one before, or an id that no
    label file may hold, is an error."""
    check_image_id(image_id, str(where))
    other = files.setdefault(image_id, name)
    if other != name:
        raise ValueError(f'{where}: {other} and {name} are both image {image_id!r}, {why}')


def _first(names: Sequence[str]) -> str:
    return ', '.join(names[:SHOWN]) + (', ...' if len(names) > SHOWN else '')


def _coco_ids(images: List[dict], name_of: Callable[[dict], str], path) -> Dict[int, str]:
    """Number -> id of the images of a COCO file."""
    ids: Dict[int, str] = {}
    files: Dict[str, str] = {}
    for image in images:
        image_id = name_of(image)
        _claim(files, image_id, image.get('file_name', image_id), path)
        if ids.setdefault(image['id'], image_id) != image_id:
            raise ValueError(f'{path}: the images {ids[image["id"]]} and {image_id} have the same '
                             f'number {image["id"]}: annotations could belong to either')
    return ids


def _annotated(entry: dict, ids: Dict[int, str], names: Dict[int, str],
               path) -> Tuple[str, str]:
    """Image id and class of an annotation."""
    for key, known in (('image_id', ids), ('category_id', names)):
        if entry.get(key) not in known:
            reason = (f'{key} {entry[key]!r} is missing in the file' if key in entry
                      else f'its {key} is missing')
            raise ValueError(f'{path}, annotation {entry.get("id")} of image '
                             f'{entry.get("image_id")}: {reason}')
    return ids[entry['image_id']], names[entry['category_id']]


def _check_same_classes(classes: Sequence[str], names: Iterable[str], path) -> None:
    names = list(names)
    unknown = [name for name in classes if name not in names]
    left_out = [name for name in names if name not in classes]
    if unknown or left_out:
        parts = [f'has no {_first(unknown)}'] * bool(unknown)
        parts += [f'has {_first(left_out)}, which --classes leaves out'] * bool(left_out)
        raise ValueError(f'{path} {" and ".join(parts)}: name all {len(names)} categories of the '
                         'file in the order wanted, or none')


def _visible_files(folder: Path) -> List[Path]:
    """Paths inside ``folder`` of all files that are not hidden, nor in a hidden folder, sorted."""
    paths = []
    for entry in sorted(folder.iterdir()):  # rglob would not follow links to class folders
        paths += [entry] if entry.is_file() else sorted(entry.rglob('*'))
    inside = [path.relative_to(folder) for path in paths if path.is_file()]
    return [path for path in inside if not any(part.startswith('.') for part in path.parts)]


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


def _table(path: Path) -> List[Tuple[int, List[str]]]:
    """(number of the line, cells) of every row that is not empty."""
    try:
        with open(path, newline='', encoding='utf-8-sig') as file:
            header = file.readline()
            file.seek(0)
            comma = next((character for character in header if character in ',;\t'), ',')
            reader = csv.reader(file, delimiter=comma)
            return [(reader.line_num, row) for row in reader if any(map(str.strip, row))]
    except UnicodeDecodeError as error:
        raise ValueError(f'{path} is not UTF-8 ({error}): save it again as CSV UTF-8') from error


def _csv_id(cell: str, files: Dict[str, str], where: str) -> str:
    name = cell.strip().replace('\\', '/')
    name = name[2:] if name.startswith('./') else name
    if not name:
        raise ValueError(f'{where}: the first column is {cell!r}, expected the name of an image: '
                         'fill it in or delete the line')
    image_id = _without_suffix(name)
    if name != image_id:  # a name without suffix may be any file of the id
        _claim(files, image_id, name, where)
    return check_image_id(image_id, where)


def _listed(cell: str, separators: str) -> List[str]:
    return [name.strip() for name in re.split(f'[{re.escape(separators)}]', cell) if name.strip()]


def _ticked(row: List[str], header: List[str], where: str) -> List[str]:
    wrong = [cell for cell in row[1:] if cell.strip() not in ('0', '1', '0.0', '1.0', '')]
    if wrong:
        raise ValueError(f'{where}: {wrong[0]!r} where 0 or 1 is expected; a '
                         'table of names has two columns with the header image,labels')
    return [name for name, cell in zip(header[1:], row[1:]) if cell.strip() in ('1', '1.0')]


def _without_suffix(name: str) -> str:
    path = Path(name)
    return str(path.with_suffix('')) if path.suffix.lower() in IMAGE_SUFFIXES else name


def _id_of_key(key, integer_ids: Optional[str], path) -> str:
    """Image id of a key of ``cls_labels.npy``."""
    if isinstance(key, str):
        return str(key)
    if isinstance(key, bool) or not isinstance(key, (int, np.integer)):
        raise ValueError(f'{path}: {key!r} is no image: keys are names or integers')
    year, number = divmod(int(key), 10**6)
    if year in VOC_YEARS:
        return f'{year}_{number:06d}'
    if integer_ids is None:
        raise ValueError(f'{path}: {key} is no id of VOC such as 2007000032. Say how numbers '
                         "become ids: tools/make_image_labels.py npy --integer-ids "
                         "'COCO_train2014_{:012d}' for those of COCO's training images")
    return _formatted(int(key), integer_ids)


def _formatted(number: int, form: str) -> str:
    try:
        return form.format(number)
    except (ValueError, LookupError, AttributeError) as error:
        raise ValueError(f'--integer-ids {form!r} is no format of one number ({error}), such as '
                         "'COCO_train2014_{:012d}'") from error


def _ones(vector, length: int, where: str) -> np.ndarray:
    """Places of the ones of a 0/1 vector (length,); all else is an error."""
    try:
        vector = np.asarray(vector)
    except ValueError as error:
        raise ValueError(f'{where}: labels are no vector ({error})') from error
    if vector.shape != (length, ):
        raise ValueError(f'{where}: labels have shape {vector.shape}, expected ({length},)')
    wrong = vector[~np.isin(vector, (0, 1))]
    if wrong.size:
        raise ValueError(f'{where}: labels hold {wrong[0]}, expected only 0 and 1: scores must be '
                         'compared with a threshold first')
    return np.flatnonzero(vector)


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
