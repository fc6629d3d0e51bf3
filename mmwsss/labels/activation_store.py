"""Activation maps on disk: only the classes present, coarse and quantised, one file an image.

On disk::

    root/store.json          classes, stride, bits, and what the maps come from, if it is known
    root/maps/<id>.png       one grey PNG of 8 or 16 bits: the maps of an image, one below another
    root/unreadable.json     images without maps since they could not be read, and why; if any

The PNG carries which maps it holds and the size of the image in a text entry (key ``mmwsss``).
Each file is written beside its place and renamed into it, and its checksums are verified when it
is read: ``kill -9`` at any moment leaves whole files only, and the extraction goes on with
:meth:`ActivationStore.pending`. Files are not synced one by one, so a power cut may leave empty
ones, which are pending again, or cut ones, which are an error when they are read.

K: classes in an image; H, W: image size; h, w: map size, ceil(H / stride) x ceil(W / stride).
"""
import contextlib
import io
import json
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from mmwsss.atomic_files import TEMPORARY_PREFIX, write_atomic

from .palette_png import check_png
from .stores import damaged, read_object

_FORMAT = 1
_TEXT_KEY = 'mmwsss'
_DTYPES = {8: np.uint8, 16: np.uint16}
_STALE_SECONDS = 3600


class ActivationStore:
    """Class activation maps by image id.

    Any number of processes may write, each its own images.

    Args:
        root: folder of the store; made if absent and ``classes`` is given.
        classes: names of the C foreground classes in label order; read from the store if it
            exists, and then compared.
        stride: pixels of the image per value of a map, in both directions.
        bits: 8 (steps of 1/255) or 16.
        source: what the maps come from, as plain values (weights, scales, ...). A store that
            knows its source refuses another one, so that maps are never mixed.

    Raises:
        ValueError: not a store, a damaged one, or one of other classes, settings or source.
    """

    def __init__(self, root: str | PathLike, classes: Sequence[str] | None = None,
                 stride: int | None = None, bits: int | None = None,
                 source: dict | None = None) -> None:
        self.root = Path(root)
        if not self.exists(root):
            self._create(classes, 4 if stride is None else stride, 8 if bits is None else bits,
                         source)
        settings = _read_settings(self.root / 'store.json')
        self.classes: tuple[str, ...] = tuple(settings['classes'])
        self.stride: int = settings['stride']
        self.bits: int = settings['bits']
        wanted = dict(classes=None if classes is None else tuple(classes), stride=stride,
                      bits=bits)
        for name, value in wanted.items():
            if value is not None and value != getattr(self, name):
                raise ValueError(f'{self.root} was made with {name}={getattr(self, name)}, not '
                                 f'{value}: use another folder, or delete it to start again')
        self.source: dict | None = settings.get('source')
        if source is not None:
            self.check_source(source)

    @staticmethod
    def exists(root: str | PathLike) -> bool:
        """Whether there is a store in the folder ``root``."""
        return (Path(root) / 'store.json').is_file()

    def check_source(self, source: dict) -> None:
        """Raise ``ValueError`` if the maps are known to come from something else."""
        if self.source is None:
            return
        source = json.loads(json.dumps(source))  # as it is read back
        names = [name for name in sorted({*source, *self.source})
                 if source.get(name) != self.source.get(name)]
        if names:
            before, now = ({name: those.get(name) for name in names}
                           for those in (self.source, source))
            raise ValueError(f'{self.root} holds maps made with {before}, not {now}: use another '
                             'folder, or delete it to start again')

    def _create(self, classes: Sequence[str] | None, stride: int, bits: int,
                source: dict | None) -> None:
        if classes is None:
            raise FileNotFoundError(f'{self.root} holds no activation maps: extract them first '
                                    '(tools/test.py with a config of recam or gcn_cam)')
        if bits not in _DTYPES or stride < 1 or not len(classes):
            raise ValueError(f'activation maps are kept with 8 or 16 bits, a stride of at least 1 '
                             f'and at least one class; got bits={bits}, stride={stride}, '
                             f'{len(classes)} classes')
        (self.root / 'maps').mkdir(parents=True, exist_ok=True)
        settings = dict(activations=_FORMAT, classes=list(classes), stride=stride, bits=bits,
                        **({} if source is None else dict(source=source)))
        write_atomic(self.root / 'store.json', json.dumps(settings).encode())

    def ids(self) -> list[str]:
        """Sorted ids of the images that have a file in the store."""
        folder = self.root / 'maps'
        return sorted(path.relative_to(folder).with_suffix('').as_posix()
                      for path in folder.rglob('[!.]*.png'))

    def __contains__(self, image_id: str) -> bool:
        return self._path(image_id).is_file()

    def __len__(self) -> int:
        return len(self.ids())

    def pending(self, ids: Iterable[str]) -> list[str]:
        """Those of ``ids`` that the store lacks, in order.

        An empty file, which a power cut may leave, counts as missing. A cut one does not: to find
        it all files would have to be read; :meth:`read` names it. Temporary files that killed
        writers have left are deleted once they are an hour old.
        """
        held = set()
        for name, entry in _files_below(self.root / 'maps'):
            if entry.name.startswith(TEMPORARY_PREFIX):
                _delete_stale(entry)
            elif name.endswith('.png') and _size(entry):
                held.add(name[:-len('.png')])
        return [image_id for image_id in ids if image_id not in held]

    def write(self, image_id: str, maps: torch.Tensor | np.ndarray, classes: Sequence[int],
              image_size: Sequence[int]) -> None:
        """Put the maps of one image into the store (again, if it has them).

        Args:
            image_id: path of the image in its folder without suffix; never with ``..``.
            maps: (K, h, w), values 0 to 1; K may be 0.
            classes: K different class indices, 0 to C - 1, ascending.
            image_size: (H, W).

        Raises:
            ValueError: wrong shapes, indices or values; names the image.
        """
        maps = torch.as_tensor(maps).detach().cpu().float().numpy()
        classes, image_size = [int(c) for c in classes], [int(n) for n in image_size]
        self._check(image_id, maps, classes, image_size)
        top = 2**self.bits - 1
        values = np.rint(maps * top).clip(0, top).astype(_DTYPES[self.bits])
        path = self._path(image_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Not synced: the loop would wait for the disk at every image. What a power cut may do to
        # the files of its last seconds: see pending().
        write_atomic(path, _encode(values, classes, image_size), sync=False)

    def read(self, image_id: str, size: Sequence[int] | None = None) -> tuple[list[int],
                                                                              torch.Tensor]:
        """Maps of one image at its own size, or at any other.

        Args:
            image_id: which image.
            size: (height, width) of the maps; default (H, W) of the image.

        Returns:
            K class indices; maps (K, height, width) float32 in 0 to 1, bilinear.

        Raises:
            ValueError: the image is not in the store, or its file is damaged.
        """
        classes, maps, (height, width) = self.read_stored(image_id)
        if not classes:
            return classes, maps.new_zeros(0, *(size or (height, width)))
        full = [length * self.stride for length in maps.shape[1:]]
        maps = F.interpolate(maps[None], full, mode='bilinear')[..., :height, :width]
        if size is not None and tuple(size) != (height, width):
            maps = F.interpolate(maps, tuple(size), mode='bilinear')
        return classes, maps[0]

    def read_stored(self, image_id: str) -> tuple[list[int], torch.Tensor, tuple[int, int]]:
        """Class indices, maps (K, h, w) float32 as they are stored, and (H, W) of the image."""
        path = self._path(image_id)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise ValueError(f'{image_id!r} has no activation maps in {self.root}') from None
        values, classes, image_size = _decode(data, str(path))
        maps = torch.from_numpy(values.astype(np.float32)) / (2**self.bits - 1)
        return classes, maps, image_size

    @property
    def unreadable_path(self) -> Path:
        """The file of :meth:`unreadable`."""
        return self.root / 'unreadable.json'

    def unreadable(self) -> dict[str, str]:
        """Images that extraction had to leave out: id -> why."""
        if not self.unreadable_path.is_file():
            return {}
        try:
            return dict(json.loads(self.unreadable_path.read_text(encoding='utf-8')))
        except (TypeError, ValueError) as error:
            raise ValueError(f'{self.unreadable_path}: damaged ({error}); delete it and start the '
                             'extraction again, which lists them anew') from error

    def list_unreadable(self, reasons: dict[str, str]) -> None:
        """Add images to :meth:`unreadable`; those that have maps by now go from the list."""
        listed = {**self.unreadable(), **reasons}
        left = {image_id: listed[image_id] for image_id in sorted(listed)
                if not _size(self._path(image_id))}
        if left != self.unreadable():
            text = json.dumps(left, indent=1, ensure_ascii=False) + '\n'
            write_atomic(self.unreadable_path, text.encode())

    def _path(self, image_id: str) -> Path:
        parts = image_id.split('/')
        if any(part in ('', '.', '..') or '\\' in part or '\0' in part for part in parts) \
                or parts[-1].startswith('.'):
            raise ValueError(f'{image_id!r} is no image id: expected the path of an image inside '
                             'its folder, without suffix')
        return self.root / 'maps' / f'{image_id}.png'

    def _check(self, image_id: str, maps: np.ndarray, classes: list[int],
               image_size: list[int]) -> None:
        where = f'activation maps of {image_id!r}'
        shape = (len(classes), *(-(-length // self.stride) for length in image_size))
        if maps.shape != shape:
            raise ValueError(f'{where}: shape {maps.shape}, expected {shape} for {len(classes)} '
                             f'classes and an image of {image_size} at stride {self.stride}')
        if sorted(set(classes)) != classes or not set(classes) <= set(range(len(self.classes))):
            raise ValueError(f'{where}: classes must be ascending indices below '
                             f'{len(self.classes)}, got {classes}')
        if maps.size and not (maps.min() >= 0 and maps.max() <= 1):  # also refuses NaN
            raise ValueError(f'{where}: values must be 0 to 1, got {maps.min()} to {maps.max()}')


def _read_settings(path: Path) -> dict:
    settings = read_object(path)
    if settings.get('activations') != _FORMAT:
        raise ValueError(f'{path}: not a store of activation maps of format {_FORMAT}')
    lacking = [name for name in ('classes', 'stride', 'bits') if name not in settings]
    if lacking:
        raise damaged(path, f'no {", ".join(lacking)}')
    return settings


def _files_below(folder: str | PathLike, prefix: str = '') -> Iterator[tuple[str, os.DirEntry]]:
    """All files of a folder and its sub-folders, with their names from ``folder`` on."""
    try:
        entries = os.scandir(folder)
    except FileNotFoundError:
        return
    with entries:
        for entry in entries:
            name = f'{prefix}{entry.name}'
            if entry.is_dir():
                yield from _files_below(entry.path, f'{name}/')
            else:
                yield name, entry


def _size(file: Path | os.DirEntry) -> int:
    """Bytes; 0 if there is no such file."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _delete_stale(entry: os.DirEntry) -> None:
    """Delete a temporary file unless another process may still be writing it.

    Its name says which process that is, but not on which machine. A write takes milliseconds: an
    hour leaves room for clocks that differ. If it did go too early, that writer would end with an
    error, and nothing but that image would be left to do.
    """
    with contextlib.suppress(OSError):  # gone by now, or a store that may only be read
        if time.time() - entry.stat().st_mtime > _STALE_SECONDS:
            os.unlink(entry.path)


def _encode(values: np.ndarray, classes: list[int], image_size: list[int]) -> bytes:
    text = PngInfo()
    text.add_text(_TEXT_KEY, json.dumps(
        dict(classes=classes, image_size=image_size, map_size=list(values.shape[1:]))))
    stacked = values.reshape(-1, values.shape[2]) if classes else np.zeros((1, 1), values.dtype)
    buffer = io.BytesIO()
    Image.fromarray(stacked).save(buffer, format='PNG', pnginfo=text)
    return buffer.getvalue()


def _decode(data: bytes, name: str) -> tuple[np.ndarray, list[int], tuple[int, int]]:
    try:
        check_png(data, name)
    except ValueError as error:
        raise ValueError(f'{error}; delete it and extract again') from error
    try:
        with Image.open(io.BytesIO(data), formats=('PNG', )) as image:
            values = np.array(image)
            content = json.loads(image.text[_TEXT_KEY])
        classes, shape = content['classes'], (len(content['classes']), *content['map_size'])
        values = values.reshape(shape) if classes else np.zeros(shape, values.dtype)
        return values, classes, tuple(content['image_size'])
    except (OSError, KeyError, ValueError, SyntaxError) as error:
        raise ValueError(f'{name}: no file of activation maps ({error}); delete it and extract '
                         'again') from error
    except Image.DecompressionBombError as error:  # no ValueError
        raise ValueError(f'{name}: more values than PIL opens ({error}); extract with a larger '
                         'stride, or set PIL.Image.MAX_IMAGE_PIXELS') from error
