"""Versioned pseudo labels that no crash can half-change.

On disk::

    root/store.json                 number of classes, ignored value
    root/CURRENT                    the version that readers see
    root/versions/000002/           complete: manifest.json and labels/<id>.png
    root/versions/000003.part/      being written

A label map is written beside its place and renamed into it; a version is complete when its folder
loses ``.part``, which happens in one rename after every file has been checked; readers follow
``CURRENT``, which is replaced in one rename after that. Each step either happened or did not, so
``kill -9`` at any moment leaves the last complete version current and the next start can go on
where the writing stopped. ``versions/<n>/labels`` is a plain folder of palette PNGs that any data
set can read.

H, W: size of a label map.
"""
import contextlib
import json
import os
import re
import secrets
import shutil
import time
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from mmwsss.atomic_files import (
    TEMPORARY_PREFIX,
    folder_lock,
    rename_folder,
    sync_filesystem,
    write_atomic,
)

from .palette_png import count_values, decode_labels, encode_labels
from .stores import damaged, read_object

_FORMAT = 1
_ID_PART = re.compile(r'[^\x00-\x1f/\\.][^\x00-\x1f/\\]*')
_VERSION_FOLDER = re.compile(r'\d{6,}')
_IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.JPG', '.JPEG', '.PNG')


class LabelStore:
    """Label maps by image id, in versions of which one is current.

    Any number of processes may write into one version (each its own ids), then one of them calls
    :meth:`commit`. Readers in other processes see the new version at their next :meth:`read`, or
    stay on one by naming it.

    Args:
        root: folder of the store; made if absent and ``num_classes`` is given.
        num_classes: C, 1 to 255, background included; read from the store if it exists.
        ignore_index: the one further value allowed; default 255.

    Raises:
        ValueError: not a store, a damaged one, or one for other classes.
    """

    def __init__(self, root, num_classes: int | None = None, ignore_index: int | None = None):
        self.root = Path(root)
        if not (self.root / 'store.json').exists():
            self._create(num_classes, 255 if ignore_index is None else ignore_index)
        settings = read_object(self.root / 'store.json')
        if settings.get('format') != _FORMAT:
            raise ValueError(f'{self.root}: store format {settings.get("format")!r}, '
                             f'this version of mmwsss reads {_FORMAT}')
        lacking = [name for name in ('num_classes', 'ignore_index') if name not in settings]
        if lacking:
            raise damaged(self.root / 'store.json', f'no {", ".join(lacking)}')
        self.num_classes: int = settings['num_classes']
        self.ignore_index: int = settings['ignore_index']
        for name, wanted in (('num_classes', num_classes), ('ignore_index', ignore_index)):
            if wanted is not None and wanted != getattr(self, name):
                raise ValueError(f'{self.root} was made with {name}={getattr(self, name)}, not '
                                 f'{wanted}; open it without {name} or use another folder')
        self._manifests: dict[int, dict] = {}
        self._current: tuple[tuple, int] | None = None

    # Versions

    @property
    def current(self) -> int | None:
        """The version that :meth:`read` follows; None before the first commit."""
        path = f'{self.root}/CURRENT'
        try:
            status = os.stat(path)
            # The file is never changed but replaced by another one, with another number.
            stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
            if self._current is not None and self._current[0] == stamp:
                return self._current[1]
            text = Path(path).read_text().strip()
        except FileNotFoundError:
            return None
        if not text.isdigit() or not self._is_complete(int(text)):
            raise ValueError(f'{self.root}/CURRENT names {text!r}, which is not a complete '
                             f'version (complete: {self.versions}); mend with rollback(VERSION)')
        self._current = (stamp, int(text))
        return int(text)

    @property
    def versions(self) -> list[int]:
        """Complete versions, oldest first."""
        folder = self.root / 'versions'
        return sorted(int(path.name) for path in folder.iterdir()
                      if _VERSION_FOLDER.fullmatch(path.name))

    @property
    def next_version(self) -> int:
        """One more than the newest complete version: what the next writers should write.

        The same for all processes until one commits, and after a crash the version to go on with.
        """
        return max(self.versions, default=0) + 1

    def ids(self, version: int | None = None) -> list[str]:
        """Sorted image ids of a complete version (default: the current one)."""
        return sorted(self.manifest(version)['files'])

    def manifest(self, version: int | None = None) -> dict:
        """What a complete version holds: ``files`` (id → bytes, CRC-32, H, W), ``pixels`` (label
        → how many pixels have it), ``source``, ``parent`` (the version that was current when it
        was committed), ``created``."""
        version = self._complete(version)
        if version not in self._manifests:
            manifest = read_object(self._folder(version) / 'manifest.json')
            self._manifests = {**dict(list(self._manifests.items())[-3:]), version: manifest}
        return self._manifests[version]

    def labels_folder(self, version: int | None = None) -> Path:
        """Plain folder of palette PNGs of a complete version, for ``seg_map_path`` of a data
        set. Read only."""
        return self._folder(self._complete(version)) / 'labels'

    # Reading

    def read(self, image_id: str, version: int | None = None) -> np.ndarray:
        """One label map of a complete version (default: the current one).

        Its bytes must be those that :meth:`commit` checked.

        Returns:
            (H, W) uint8, values 0…C−1 or ``ignore_index``.

        Raises:
            ValueError: unknown id or version; a file cut short or changed since the commit.
        """
        version = self._complete(version)
        entry = self.manifest(version)['files'].get(_checked_id(image_id))
        if entry is None:
            raise ValueError(f'{image_id!r} has no labels in version {version} of {self.root}')
        path = f'{self.root}/versions/{version:06d}/labels/{image_id}.png'
        try:
            with open(path, 'rb') as file:
                data = file.read()
        except FileNotFoundError:
            raise ValueError(f'{path}: gone since its version was committed; roll back or write '
                             'a new version') from None
        if [len(data), zlib.crc32(data)] != entry[:2]:
            raise ValueError(f'{path}: {len(data)} bytes, changed since its version was committed '
                             f'with {entry[0]} bytes; roll back or write a new version')
        labels = decode_labels(data, path)
        if 'pixels' not in self._manifests[version]:  # committed before values were checked then
            self._check_labels(labels, path, tuple(entry[2:]))
        return labels

    # Writing

    def begin(self, version: int, source: dict | None = None) -> None:
        """Say what a version is being made from, before writing it. Optional.

        Every writer may call it. A half-written version of the same source is gone on with; one
        of another source is an error, since its labels would be mixed.

        Args:
            version: 1, 2, …; see :attr:`next_version`.
            source: plain values for the manifest, for example ``dict(fingerprint=…)``.

        Raises:
            ValueError: the version is complete, or was begun from another source.
        """
        with self._lock(exclusive=True):
            part = self._open_part(version)
            path = part / 'source.json'
            text = json.dumps(source, sort_keys=True)
            if path.exists():
                if path.read_text() != text:
                    raise ValueError(
                        f'version {version} of {self.root} was begun from another source '
                        f'({path.read_text()[:200]} ...): delete {part} to drop what it holds, '
                        'or finish it first')
            elif source is not None and any(part.glob('labels/**/*.png')):
                raise ValueError(f'version {version} of {self.root} already holds labels of an '
                                 f'unnamed source; discard({version}) first')
            else:
                write_atomic(path, text.encode())

    def write(self, version: int, image_id: str, labels: np.ndarray) -> None:
        """Put one label map into a version that is not complete yet (again, if it has one).

        Args:
            version: 1, 2, …; see :attr:`next_version`.
            image_id: letters, digits, …; may hold ``/`` for folders, never ``..``.
            labels: (H, W) integers or bool, values 0…C−1 or ``ignore_index``; (H, W) as in the
                current version if that has the image.

        Raises:
            ValueError: bad id, shape, size or values; the version is complete already.
            OSError: no space or permission; what was there before stays.
        """
        name = f'labels of {image_id!r}'
        labels = np.asarray(labels)
        if labels.ndim != 2 or 0 in labels.shape or labels.dtype.kind not in 'uib':
            raise ValueError(f'{name}: must be integers (H, W), got {labels.dtype} {labels.shape}')
        self._check_labels(labels, name, self._known_size(image_id))
        self._write_bytes(version, image_id, encode_labels(labels.astype(np.uint8)))

    def carry_over(self, version: int, image_id: str) -> None:
        """Take a label map of the current version over as it is, by a link if the disk has them.

        Raises:
            ValueError: the current version has no such image.
        """
        source = self._label_path(self._folder(self._complete(None)), _checked_id(image_id))
        if not source.exists():
            raise ValueError(f'{source}: no such label map to carry over')
        with self._lock(exclusive=False):
            path = self._label_path(self._open_part(version), image_id)
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                path.unlink(missing_ok=True)
                os.link(source, path)
            except OSError:  # no hard links there
                write_atomic(path, source.read_bytes(), sync=False)

    def pending(self, version: int, ids: Iterable[str]) -> list[str]:
        """Those of ``ids`` that a begun version does not hold yet: where to go on after a stop."""
        ids = [_checked_id(image_id) for image_id in ids]
        if version in self.versions:
            held = self.manifest(version)['files']
            return [image_id for image_id in ids if image_id not in held]
        part = self._part(version)
        return [image_id for image_id in ids if not self._label_path(part, image_id).exists()]

    def held(self, version: int) -> list[str]:
        """Sorted image ids that a version holds so far, complete or not."""
        if version in self.versions:
            return self.ids(version)
        labels = self._part(version) / 'labels'
        return sorted(path.relative_to(labels).with_suffix('').as_posix()
                      for path in labels.rglob('*.png'))

    def commit(self, version: int, ids: Sequence[str] | None = None) -> None:
        """Check and count every file of a version, make it complete, and current. Call once,
        from one process, after all writers have finished; calling it again is harmless.

        Args:
            version: what was written.
            ids: the images it must hold, no more and no fewer; default: those of the current
                version, or for the first version whatever was written.

        Raises:
            ValueError: images missing or unexpected, a damaged file, nothing written; the
                version stays incomplete and the current one current.
        """
        with self._lock(exclusive=True):
            if version not in self.versions:
                self._complete_part(version, ids)
            elif ids is not None:
                _compare_ids(ids, self.manifest(version)['files'], version)
            self._set_current(version)

    def rollback(self, version: int | None = None) -> int:
        """Make an older complete version current (default: the newest one before the current).

        Nothing is deleted.

        Returns:
            The version that is current now.

        Raises:
            ValueError: there is no such version.
        """
        with self._lock(exclusive=True):
            if version is None:
                current = self.current
                older = [number for number in self.versions if number < (current or 0)]
                if not older:
                    raise ValueError(f'{self.root}: no complete version before {current}')
                version = older[-1]
            self._complete(version)
            self._set_current(version)
        return version

    def discard(self, version: int) -> None:
        """Delete a half-written version, or a complete one that is not current."""
        with self._lock(exclusive=True):
            if version in self.versions and version == self.current:
                raise ValueError(f'version {version} of {self.root} is current; rollback first')
            self._manifests.pop(version, None)
            for folder in (self._part(version), self._folder(version)):
                self._delete(folder)

    def prune(self, keep: int, protect: Iterable[int] = ()) -> list[int]:
        """Delete old complete versions.

        Args:
            keep: how many of the newest to keep, ≥ 1. The current version always stays.
            protect: versions to keep besides, such as 1, the original labels.

        Returns:
            The versions deleted.
        """
        if keep < 1:
            raise ValueError(f'keep must be at least 1, got {keep}')
        with self._lock(exclusive=True):
            stay = {*self.versions[-keep:], *protect, self.current}
            gone = [version for version in self.versions if version not in stay]
            for version in gone:
                self._manifests.pop(version, None)
                self._delete(self._folder(version))
            for trash in (self.root / 'versions').glob('.trash-*'):
                shutil.rmtree(trash, ignore_errors=True)
        return gone

    # Plain folders

    def import_folder(self, version: int, folder, ids: Iterable[str] | None = None,
                      image_folder=None) -> list[str]:
        """Write a plain folder of PNGs (palette or 8-bit grey) into a version; does not commit.

        Args:
            version: 1, 2, …; see :attr:`next_version`.
            folder: holds ``<id>.png``, sub-folders included.
            ids: which to take; default all.
            image_folder: if given, each map must have the size of its image there
                (``<id>.jpg``, ``.jpeg`` or ``.png``).

        Returns:
            The ids written.

        Raises:
            ValueError: a file is missing, unreadable, of the wrong size or has other values.
        """
        folder = Path(folder)
        if ids is None:
            ids = sorted(path.relative_to(folder).with_suffix('').as_posix()
                         for path in folder.rglob('*.png') if not path.name.startswith('.'))
        ids = list(ids)
        if not ids:
            raise ValueError(f'{folder}: no .png files to import')
        for image_id in ids:
            path = folder / f'{_checked_id(image_id)}.png'
            if not path.is_file():
                raise ValueError(f'{path}: no such file')
            labels = decode_labels(path.read_bytes(), str(path))
            if image_folder is not None:
                self._check_labels(labels, str(path), _image_size(Path(image_folder), image_id))
            self._check_labels(labels, str(path), self._known_size(image_id))
            self._write_bytes(version, image_id, encode_labels(labels))
        return ids

    def export_folder(self, folder, version: int | None = None) -> None:
        """Copy a complete version (default: the current one), every file checked, to a new plain
        folder of palette PNGs. The folder appears when it is whole.

        Raises:
            ValueError: the folder exists, or a label map is damaged.
        """
        folder = Path(folder)
        if folder.exists():
            raise ValueError(f'{folder} exists; export to a new folder')
        version = self._complete(version)
        part = folder.with_name(f'{folder.name}.part-{secrets.token_hex(4)}')
        try:
            for image_id in self.ids(version):
                path = part / f'{image_id}.png'
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(encode_labels(self.read(image_id, version)))
            rename_folder(part, folder)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise

    # Inside

    def _create(self, num_classes: int | None, ignore_index: int) -> None:
        if num_classes is None:
            raise ValueError(f'{self.root} is not a label store; give num_classes to make one')
        if not 1 <= num_classes <= 255 or not num_classes <= ignore_index <= 255:
            raise ValueError(f'num_classes {num_classes} and ignore_index {ignore_index}: need '
                             '1 ≤ num_classes ≤ ignore_index ≤ 255')
        (self.root / 'versions').mkdir(parents=True, exist_ok=True)
        with self._lock(exclusive=True):
            if not (self.root / 'store.json').exists():
                settings = dict(format=_FORMAT, num_classes=num_classes,
                                ignore_index=ignore_index)
                write_atomic(self.root / 'store.json', json.dumps(settings).encode())

    def _lock(self, exclusive: bool):
        return folder_lock(self.root / '.lock', exclusive)

    def _folder(self, version: int) -> Path:
        return self.root / 'versions' / f'{version:06d}'

    def _part(self, version: int) -> Path:
        return self.root / 'versions' / f'{version:06d}.part'

    @staticmethod
    def _label_path(folder: Path, image_id: str) -> Path:
        return folder / 'labels' / f'{image_id}.png'

    def _is_complete(self, version: int) -> bool:
        return os.path.exists(f'{self.root}/versions/{version:06d}/manifest.json')

    def _complete(self, version: int | None) -> int:
        """``version``, or the current one; an error if it is not complete."""
        if version is None:
            version = self.current
            if version is None:
                raise ValueError(f'{self.root}: nothing committed yet')
            return version
        if version not in self._manifests and not self._is_complete(version):
            raise ValueError(f'{self.root} has no complete version {version} '
                             f'(complete: {self.versions})')
        return version

    def _open_part(self, version: int) -> Path:
        """Folder of a version being written; the caller holds the lock."""
        if isinstance(version, bool) or not isinstance(version, int) or version < 1:
            raise ValueError(f'version must be 1, 2, …, got {version!r}')
        if self._folder(version).exists():
            raise ValueError(f'version {version} of {self.root} is complete and never changed; '
                             f'write version {self.next_version}')
        part = self._part(version)
        (part / 'labels').mkdir(parents=True, exist_ok=True)
        return part

    def _write_bytes(self, version: int, image_id: str, data: bytes) -> None:
        _checked_id(image_id)
        with self._lock(exclusive=False):  # so that no commit happens between check and rename
            path = self._label_path(self._open_part(version), image_id)
            if '/' in image_id:
                path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, data, sync=False)  # commit() waits for the disk, once for all

    def _known_size(self, image_id: str) -> tuple[int, int] | None:
        current = self.current
        entry = None if current is None else self.manifest(current)['files'].get(image_id)
        return None if entry is None else tuple(entry[2:])

    def _check_labels(self, labels: np.ndarray, name: str, size: tuple[int, int] | None) -> None:
        if size is not None and labels.shape != size:
            raise ValueError(f'{name}: {labels.shape[0]}×{labels.shape[1]} (H×W), '
                             f'must be {size[0]}×{size[1]} as its image')
        bad = (labels >= self.num_classes) & (labels != self.ignore_index)
        if labels.dtype.kind == 'i':
            bad |= labels < 0
        if bad.any():
            found = np.unique(labels[bad]).tolist()
            raise ValueError(f'{name}: values {found[:10]} are neither 0…{self.num_classes - 1} '
                             f'nor {self.ignore_index}')

    def _complete_part(self, version: int, ids: Sequence[str] | None) -> None:
        part, current = self._part(version), self.current
        if not part.is_dir():
            raise ValueError(f'version {version} of {self.root}: nothing written')
        for leftover in part.rglob(f'{TEMPORARY_PREFIX}*'):  # of killed writers; none is at work
            leftover.unlink()
        found = self.held(version)
        if ids is None:
            ids = found if current is None else self.ids(current)
        _compare_ids(ids, found, version)
        pixels = np.zeros(256, np.int64)
        files = {image_id: self._file_entry(part, image_id, pixels) for image_id in found}
        sync_filesystem(part)  # one wait for all files; an fsync for each takes as long as writing
        source = part / 'source.json'
        manifest = dict(version=version, parent=current, num_classes=self.num_classes,
                        created=time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime()),
                        source=read_object(source) if source.exists() else None,
                        pixels={label: int(pixels[label]) for label in self._labels()},
                        files=files)
        write_atomic(part / 'manifest.json', json.dumps(manifest).encode())
        rename_folder(part, self._folder(version))

    def _labels(self) -> list[int]:
        return [*range(self.num_classes), self.ignore_index]

    def _file_entry(self, part: Path, image_id: str, pixels: np.ndarray) -> list[int]:
        """Bytes, CRC-32, H, W of a written file, which is whole; adds to ``pixels`` (256,)."""
        path = self._label_path(part, image_id)
        data = path.read_bytes()
        (height, width), counts = count_values(data, str(path))
        pixels += counts
        if sum(counts[label] for label in self._labels()) != height * width:
            self._check_labels(decode_labels(data, str(path)), str(path), None)
        return [len(data), zlib.crc32(data), height, width]

    def _set_current(self, version: int) -> None:
        write_atomic(self.root / 'CURRENT', f'{version}\n'.encode())

    def _delete(self, folder: Path) -> None:
        """Move a folder away in one step, then delete it; :meth:`prune` sweeps up leftovers."""
        trash = self.root / 'versions' / f'.trash-{secrets.token_hex(8)}'
        with contextlib.suppress(FileNotFoundError):
            rename_folder(folder, trash)
            shutil.rmtree(trash, ignore_errors=True)


def _checked_id(image_id: str) -> str:
    """An id that stays inside its folder; '../x', '/x', 'a//b', '.x' are refused."""
    parts = image_id.split('/') if isinstance(image_id, str) else ['']
    if not all(_ID_PART.fullmatch(part) and len(part.encode()) <= 200 for part in parts):
        raise ValueError(f'bad image id {image_id!r}: must be names of at most 200 bytes joined '
                         "by '/', none starting with '.'")
    return image_id


def _compare_ids(expected: Iterable[str], found: Iterable[str], version: int) -> None:
    expected, found = set(expected), set(found)
    if not found:
        raise ValueError(f'version {version}: nothing written')
    for names, what in ((expected - found, 'missing'), (found - expected, 'unexpected')):
        if names:
            raise ValueError(f'version {version}: labels of {len(names)} of {len(expected)} '
                             f'images {what}: {", ".join(sorted(names)[:5])} …; it stays '
                             'incomplete')


def _image_size(folder: Path, image_id: str) -> tuple[int, int]:
    for suffix in _IMAGE_SUFFIXES:
        path = folder / f'{image_id}{suffix}'
        if path.is_file():
            with Image.open(path) as image:
                return image.height, image.width
    raise ValueError(f'{folder}/{image_id}: no image {", ".join(_IMAGE_SUFFIXES[:3])}')
