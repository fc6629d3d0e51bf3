"""Attention maps of earlier epochs, per image and class, in the coordinates of the image.

On disk::

    root/versions/<version>/       an ActivationStore, and complete.json once it is whole
    root/visits/<sample>.npz       what one training step saw of its images, by its first sample

A version is made of the visits since the one before it; places that no crop covered, and images
that did not come, keep what they had. Visits are named by their place in the training stream, so a
run that is killed and resumed writes the same ones again.

Shape letters: K classes of an image, M maps of a step, h, w map size.
"""
import io
import json
import os
import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mmwsss.atomic_files import write_atomic, write_text_atomic
from mmwsss.datasets.crop_geometry import CropGeometry
from mmwsss.labels import ActivationStore

_VISIT = re.compile(r'(\d{12})\.npz')


class Visit(NamedTuple):
    """What training saw of one image: maps (K, h, w), 0 to 1, in the coordinates of the crop.

    ``position`` is the sample's place in the training stream, ``cell`` the pixels of the crop a
    value, (y, x).
    """

    position: int
    image_id: str
    classes: Sequence[int]
    maps: Tensor
    geometry: CropGeometry
    cell: Sequence[float]


class Place(NamedTuple):
    """Where a visit lies: the ``number``-th one of a file."""

    position: int
    image_id: str
    path: Path
    number: int


class AttentionMemory:
    """Versions of maps, and the visits that the next one will be made of.

    Args:
        root: folder, seen by all processes.
        classes: names of the C classes.
        stride: pixels of the image a stored value.
    """

    def __init__(self, root: str | os.PathLike, classes: Sequence[str], stride: int = 4) -> None:
        self.root = Path(root)
        self.classes = tuple(classes)
        self.stride = stride

    # Versions

    def folder(self, version: int) -> Path:
        return self.root / 'versions' / f'{version:06d}'

    def is_complete(self, version: int) -> bool:
        return (self.folder(version) / 'complete.json').is_file()

    def versions(self) -> list[int]:
        """Complete ones, ascending."""
        found = (path.parent.name for path in (self.root / 'versions').glob('*/complete.json'))
        return sorted(int(name) for name in found if name.isdigit())

    def store(self, version: int) -> ActivationStore:
        """The maps of a version; made if absent."""
        return ActivationStore(self.folder(version), self.classes, stride=self.stride, bits=8)

    def merge(self, version: int, previous: int, since: int, until: int, rank: int = 0,
              world_size: int = 1) -> None:
        """Write this process's share of a version; :meth:`complete` follows when all have.

        Args:
            version: the new one.
            previous: whose maps stay where nothing was seen; 0: none.
            since, until: samples of the stream whose visits count.
            rank, world_size: of this process: every image is written by one.
        """
        # A pass over COCO has 240,000 visits, 66 kB each in memory: only their places are listed,
        # and the maps of one image are read at a time.
        by_image: dict[str, list[Place]] = {}
        for place in self._places(since, until):
            by_image.setdefault(place.image_id, []).append(place)
        before = self.store(previous) if previous else None
        known = set(before.ids()) if before else set()
        store = self.store(version)
        for image_id in sorted(known | set(by_image))[rank::world_size]:
            if image_id in by_image:
                old = before.read_stored(image_id) if image_id in known else None
                visits = [_read(place) for place in by_image[image_id]]
                store.write(image_id, *compose(visits, old, self.stride))
            else:
                _link(self.folder(previous), self.folder(version), image_id)

    def complete(self, version: int, about: dict) -> None:
        """From now on the version may be read."""
        write_text_atomic(self.folder(version) / 'complete.json', json.dumps(about))

    def drop_versions(self, numbers: Iterable[int]) -> None:
        """Delete versions, whole or not; each stops being complete first."""
        for version in numbers:
            (self.folder(version) / 'complete.json').unlink(missing_ok=True)
            shutil.rmtree(self.folder(version), ignore_errors=True)

    def unfinished(self) -> list[int]:
        """Versions that were begun and are not complete."""
        found = [int(path.name) for path in (self.root / 'versions').glob('*')
                 if path.name.isdigit()]
        return [version for version in found if not self.is_complete(version)]

    # Visits

    def record(self, visits: Sequence[Visit]) -> None:
        """Keep what one training step saw; the file appears whole or not at all."""
        folder = self.root / 'visits'
        folder.mkdir(parents=True, exist_ok=True)
        about = [dict(position=v.position, image_id=v.image_id, classes=list(map(int, v.classes)),
                      geometry=v.geometry.__dict__, cell=list(v.cell)) for v in visits]
        maps = torch.cat([v.maps for v in visits]).mul(255).round().clamp(0, 255).byte()
        buffer = io.BytesIO()
        np.savez(buffer, maps=maps.cpu().numpy(),
                 about=np.frombuffer(json.dumps(about).encode(), np.uint8))
        first = min(v.position for v in visits)
        write_atomic(folder / f'{first:012d}.npz', buffer.getvalue(), sync=False)

    def visits(self, since: int, until: int) -> list[Visit]:
        """Those of samples ``since`` to ``until`` - 1, in the order of the stream.

        Raises:
            ValueError: if some are missing.
        """
        return [_read(place) for place in self._places(since, until)]

    def _places(self, since: int, until: int) -> list[Place]:
        """Where they lie; nothing but what the files say about their maps is read."""
        found = [place for first, path in self._files() if first < until
                 for place in _places_in(path) if since <= place.position < until]
        found.sort(key=lambda place: place.position)
        if [place.position for place in found] != list(range(since, until)):
            raise ValueError(
                f'{self.root}/visits holds {len(found)} of the {until - since} training samples '
                f'from {since} on: resume from a newer checkpoint, or start again')
        return found

    def drop_visits(self, before: int = 0, since: int | None = None) -> None:
        """Delete steps that began before a sample, or at or after another."""
        for first, path in self._files():
            if first < before or (since is not None and first >= since):
                path.unlink(missing_ok=True)

    def _files(self) -> list[tuple[int, Path]]:
        matches = [(_VISIT.fullmatch(path.name), path)
                   for path in (self.root / 'visits').glob('*.npz')]
        return sorted((int(match[1]), path) for match, path in matches if match)


def compose(visits: Sequence[Visit], old: tuple | None,
            stride: int) -> tuple[Tensor, list[int], tuple[int, int]]:
    """Maps of one image from its visits, later ones over earlier ones.

    Args:
        visits: at least one, in order.
        old: of :meth:`ActivationStore.read_stored`: what stays where no visit reaches.
        stride: of the result.

    Returns:
        Maps (K, h, w), classes and image size, as :meth:`ActivationStore.write` takes them.
    """
    size = visits[0].geometry.image
    cells = tuple(-(-length // stride) for length in size)
    canvas = {} if old is None else dict(zip(old[0], old[1]))
    for visit in visits:
        maps, covered = visit.geometry.maps_to_image(visit.maps, visit.cell, stride)
        for c, map_hw in zip(visit.classes, maps):
            before = canvas.get(int(c), torch.zeros(cells))
            canvas[int(c)] = torch.where(covered, map_hw, before)
    classes = sorted(canvas)
    maps = [canvas[c] for c in classes]
    return torch.stack(maps).clamp(0, 1) if maps else torch.zeros(0, *cells), classes, size


def _about(path: Path) -> list[dict]:
    """What a file says about its visits, without their maps."""
    with np.load(path, allow_pickle=False) as file:
        return json.loads(file['about'].tobytes())


def _places_in(path: Path) -> list[Place]:
    return [Place(entry['position'], entry['image_id'], path, number)
            for number, entry in enumerate(_about(path))]


def _read(place: Place) -> Visit:
    """One visit with its maps."""
    about = _about(place.path)
    start = sum(len(entry['classes']) for entry in about[:place.number])
    entry = about[place.number]
    with np.load(place.path, allow_pickle=False) as file:
        maps = file['maps'][start:start + len(entry['classes'])]
    geometry = CropGeometry(**{key: tuple(value) for key, value in entry['geometry'].items()})
    return Visit(entry['position'], entry['image_id'], entry['classes'],
                 torch.from_numpy(maps).float() / 255, geometry, entry['cell'])


def _link(source: Path, target: Path, image_id: str) -> None:
    """Take over an image's file; stores never change a file in place."""
    old, new = (folder / 'maps' / f'{image_id}.png' for folder in (source, target))
    new.parent.mkdir(parents=True, exist_ok=True)
    new.unlink(missing_ok=True)
    try:
        os.link(old, new)
    except OSError:  # a file system without links
        write_atomic(new, old.read_bytes(), sync=False)
