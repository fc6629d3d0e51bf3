"""Letting any training loader load labels of the version that each iteration trains on.

Loader workers run ahead of training, and persistent ones never see what changes in the main
process. So the main process says with every index which version it is for (the schedule is known
in advance), and a worker that comes to a version that is not complete yet waits for it. Nothing is
loaded twice and nothing has to be thrown away, whatever the number of workers and processes.
"""
import itertools
import os
import os.path as osp
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset, ConcatDataset, RepeatDataset
from torch.utils.data import get_worker_info

from mmwsss.datasets.samplers import StreamIndex

from . import coordinates

_POLL = 0.02  # seconds
_CHECKED = 16  # samples a process whose coordinates are held against their labels
_AGREEMENT = 0.98  # rotations round labels and coordinates differently at some pixels


class VersionedSampler:
    """A sampler whose indices say which version of the labels their iteration trains on.

    Args:
        sampler: any sampler of indices.
        batch_size: samples an iteration, of this process.
        iteration: gives the iteration whose batch comes next.
        version_at: iteration → version.
    """

    def __init__(self, sampler, batch_size: int, iteration: Callable[[], int],
                 version_at: Callable[[int], int]):
        self.sampler = sampler
        self.batch_size = batch_size
        self.iteration = iteration
        self.version_at = version_at
        self.to_skip = 0

    def __iter__(self) -> Iterator[StreamIndex]:
        first, indices = self.iteration(), iter(self.sampler)
        skipped, self.to_skip = self.to_skip, 0
        for place, index in enumerate(itertools.islice(indices, skipped, None)):
            if not isinstance(index, StreamIndex):
                index = StreamIndex(index)
            yield index.with_labels(self.version_at(first + place // self.batch_size))

    def __len__(self) -> int:
        return len(self.sampler)

    def __getattr__(self, name: str) -> Any:
        if name == 'sampler':  # not there yet: while being unpickled
            raise AttributeError(name)
        return getattr(self.sampler, name)


class ImageIds:
    """Ids of a data set's images in the store: the path inside the image folder, no suffix.

    Args:
        folder: the image folder.
        prefix: put before, where several data sets are trained on together.
    """

    def __init__(self, folder: str, prefix: str = ''):
        self.folder = osp.abspath(folder) if folder else None
        self.prefix = prefix

    def __call__(self, img_path: str) -> str:
        path = osp.abspath(img_path)
        inside = self.folder is not None and path.startswith(self.folder + os.sep)
        name = osp.relpath(path, self.folder) if inside else osp.basename(path)
        return self.prefix + osp.splitext(name)[0].replace(os.sep, '/')


class PointToLabels:
    """First of the pipeline: lets ``seg_map_path`` be the label map of the index's version.

    Args:
        store: root of a :class:`~mmwsss.labels.LabelStore`.
        ids: path of an image → id.
    """

    def __init__(self, store, ids: ImageIds):
        self.versions = Path(store) / 'versions'
        self.ids = ids
        self.complete: set[int] = set()

    def __call__(self, results: dict) -> dict:
        version = getattr(results.get('sample_idx'), 'label_version', None)
        if version is None:
            raise RuntimeError(
                f'{results.get("img_path")}: its index says no label version; with '
                'MutualComplementaryHook indices must reach the data set as the sampler gave '
                'them (no sample may be drawn again because its pipeline returned None)')
        folder = self.versions / f'{version:06d}'
        if version not in self.complete:
            wait_until_complete(folder)
            self.complete.add(version)
        image_id = self.ids(results['img_path'])
        results['seg_map_path'] = str(folder / 'labels' / f'{image_id}.png')
        results['label_sample'] = dict(image_id=image_id, version=version)
        return results


def wait_until_complete(folder: Path) -> None:
    """Return when a version's folder is complete; in the main process it must be already.

    Raises:
        RuntimeError: it is not and never will be: this is no worker, or the trainer has ended.
    """
    parent = os.getppid()
    while not (folder / 'manifest.json').exists():
        if get_worker_info() is None or os.getppid() != parent:
            raise RuntimeError(f'the labels {folder} are not complete')
        time.sleep(_POLL)


class AddPixelNumbers:
    """After the labels are loaded: a second label map that says which pixel is which."""

    def __call__(self, results: dict) -> dict:
        labels = results['gt_seg_map']
        results['label_pixels'] = coordinates.pixel_numbers(*labels.shape[:2])
        results.setdefault('seg_fields', []).append('label_pixels')
        results['label_sample'].update(size=tuple(labels.shape[:2]), original=labels)
        return results


class PackWithLabels:
    """Last of the pipeline: packs as before, and adds ``label_sample`` to the meta information.

    ``label_sample`` holds ``image_id`` and ``version``, and where pixels are numbered ``size``
    (H, W) and ``coordinates`` (see :func:`mmwsss.engine.label_updates.coordinates.compact`).

    Args:
        pack: the transform that makes the data sample.
    """

    def __init__(self, pack: Callable[[dict], dict]):
        self.pack = pack
        self.left_to_check = _CHECKED

    def __call__(self, results: dict) -> dict:
        about, numbers = results['label_sample'], results.pop('label_pixels', None)
        if numbers is not None:
            source = coordinates.sources(numbers, results['gt_seg_map'].shape)
            original = about.pop('original')
            if self.left_to_check:
                self.left_to_check -= 1
                _check(source, original, results)
            about['coordinates'] = coordinates.compact(source, about['size'][1])
            results['seg_fields'].remove('label_pixels')
        packed = self.pack(results)
        packed['data_samples'].set_metainfo(dict(label_sample=about))
        return packed

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self.pack!r})'


def _check(source: np.ndarray, original: np.ndarray, results: dict) -> None:
    """The numbered pixels must have had the labels that the sample has there."""
    labels, inside = results['gt_seg_map'], source >= 0
    same_shape = labels.shape == source.shape == results['img'].shape[:2]
    if same_shape and inside.any():
        agreement = (original.ravel()[source[inside]] == labels[inside]).mean()
    if not same_shape or (inside.any() and agreement < _AGREEMENT):
        raise ValueError(
            f"{results['img_path']}: the pipeline has a transform that moves labels but not the "
            "other maps of 'seg_fields', so training's predictions cannot be written back to the "
            "image; use MutualComplementaryHook(source='inference')")


def unwrap(dataset) -> list[BaseDataset]:
    """The data sets that a training set consists of.

    Raises:
        ValueError: for a wrapper through which an index loses what it carries.
    """
    if isinstance(dataset, ConcatDataset):
        return [part for inner in dataset.datasets for part in unwrap(inner)]
    if isinstance(dataset, RepeatDataset):
        return unwrap(dataset.dataset)
    if not isinstance(dataset, BaseDataset):
        raise ValueError(
            f'MutualComplementaryHook cannot follow samples through {type(dataset).__name__}: use '
            'a data set of mmseg or mmwsss, alone or in ConcatDataset or RepeatDataset')
    return [dataset]
