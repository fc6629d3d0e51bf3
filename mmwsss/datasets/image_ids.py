"""Reading lists of image ids, and finding which of their files are missing. No torch in here."""
import os
import os.path as osp
import re
from collections import defaultdict
from pathlib import PurePosixPath, PureWindowsPath
from typing import Dict, Iterable, List, Set

# 'a.jpg a.png' is two columns; 'summer 2019/IMG 1' is a name with spaces, an id having no suffix.
_SECOND_COLUMN = re.compile(r'\.(jpe?g|png|bmp|webp|tiff?)\s', re.IGNORECASE)


def read_image_ids(path: str) -> List[str]:
    """Image ids of a split list: one a line, blank lines skipped, order kept.

    An id is a file name without suffix, with sub-folders if there are any (``2007_000032``,
    ``train2014/COCO_train2014_000000000009``).

    Args:
        path (str): The text file.

    Returns:
        list[str]: At least one id, none twice.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the list is empty or no text, or an id is unsafe or stands twice; names
            file and line.
    """
    if not osp.isfile(path):
        raise FileNotFoundError(f'the list of image ids {path} does not exist: check ann_file '
                                '(relative to data_root)')
    try:
        with open(path, encoding='utf-8-sig') as f:
            lines = [line.strip() for line in f]
    except UnicodeDecodeError as e:
        raise ValueError(f'{path} is not a text file ({e}): ann_file must list one image id a '
                         'line') from e
    first: Dict[str, int] = {}
    for n, line in enumerate(lines, 1):
        if not line:
            continue
        image_id = check_image_id(line, f'{path}, line {n}')
        # Not dropped silently, nor counted twice: a metric would weigh it double, and a store
        # holds it once.
        if first.setdefault(image_id, n) != n:
            raise ValueError(f'{path}, line {n}: {image_id!r} is listed in line '
                             f'{first[image_id]} already: delete one of the two (to train on '
                             'some images more often, join data sets with ConcatDataset)')
    if not first:
        raise ValueError(f'{path} lists no image: expected one image id a line')
    return list(first)


def check_image_id(image_id: str, where: str = 'image id') -> str:
    """Return the id if it stays inside the image folder and a store can hold it, else raise.

    Raises:
        ValueError: For absolute paths, ``..``, control characters, second columns, backslashes,
            and parts between slashes that are empty or start with a dot.
    """
    if _SECOND_COLUMN.search(image_id):
        raise ValueError(f'{where}: {image_id!r} has several columns; expected one image id '
                         'without folder and suffix (labels come from data_prefix.seg_map_path)')
    if PurePosixPath(image_id).is_absolute() or PureWindowsPath(image_id).anchor:
        raise ValueError(f'{where}: {image_id!r} is an absolute path; expected an image id '
                         'relative to the image folder')
    if '..' in image_id.replace('\\', '/').split('/'):
        raise ValueError(f"{where}: {image_id!r} leaves the image folder through '..'")
    if any(ord(c) < 32 for c in image_id):
        raise ValueError(f'{where}: {image_id!r} holds control characters')
    if '\\' in image_id:
        raise ValueError(f"{where}: {image_id!r} holds a backslash; expected '/' between folders")
    if any(not part or part.startswith('.') for part in image_id.split('/')):
        raise ValueError(f'{where}: {image_id!r} has an empty or hidden part; expected the path '
                         'of an image inside the image folder, without suffix, no name on the way '
                         "starting with '.'")
    return image_id


def list_image_ids(folder: str, suffix: str) -> List[str]:
    """Ids of all files under ``folder`` that end with ``suffix``, sub-folders included, sorted.

    Hidden files and folders (``.ipynb_checkpoints``) are left out, as no id may name them.
    """
    ids = []
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith('.')]
        rel = osp.relpath(root, folder)
        prefix = '' if rel == '.' else rel.replace(os.sep, '/') + '/'
        ids += [prefix + n[:-len(suffix)] for n in names
                if n.endswith(suffix) and not n.startswith('.')]
    return sorted(ids)


def missing_files(paths: Iterable[str]) -> List[str]:
    """Those of ``paths`` that are no file, in order. Lists each folder once: no stat a file."""
    present: Dict[str, Set[str]] = {}
    wanted = defaultdict(list)
    paths = list(paths)
    for path in paths:
        wanted[osp.dirname(path)].append(path)
    for folder in wanted:
        present[folder] = _files_in(folder)
    return [p for p in paths if osp.basename(p) not in present[osp.dirname(p)]]


def _files_in(folder: str) -> Set[str]:
    try:
        with os.scandir(folder or '.') as entries:
            return {entry.name for entry in entries if entry.is_file()}
    except (FileNotFoundError, NotADirectoryError):
        return set()
