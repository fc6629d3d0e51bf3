"""The images of a training set, and how its own pipeline loads them and their labels."""
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from mmengine.dataset import BaseDataset

from mmwsss.labels import fingerprint

from .versioned_data import (
    AddPixelNumbers,
    ImageIds,
    PackWithLabels,
    PointToLabels,
    unwrap,
)


class TrainingImage(NamedTuple):
    """One image: its id in the store, the entry of its data set, and which part that is."""

    image_id: str
    info: dict
    part: int


class _Part(NamedTuple):
    dataset: BaseDataset
    ids: ImageIds
    load_image: Callable[[dict], dict]
    load_labels: Callable[[dict], dict]
    place: int  # of load_labels in the pipeline


class TrainingImages:
    """Images of a data set (or several, concatenated), each once.

    Args:
        dataset: that of the training loader.

    Attributes:
        images: id → :class:`TrainingImage`, in the data set's order.
        classes: names by label id, background first.

    Raises:
        ValueError: labels that cannot be updated: renumbered on loading, loaded at another size
            than the image, or two images with one id; says what to change.
    """

    def __init__(self, dataset: Any):
        datasets = unwrap(dataset)
        self.parts = [self._part(part, f'{number}/' if len(datasets) > 1 else '')
                      for number, part in enumerate(datasets)]
        self.classes = list(datasets[0].metainfo['classes'])
        self.images: dict[str, TrainingImage] = {}
        for number, part in enumerate(self.parts):
            for index in range(len(part.dataset)):
                self._add(number, part.dataset.get_data_info(index))

    def _add(self, number: int, info: dict) -> None:
        image_id = self.parts[number].ids(info['img_path'])
        known = self.images.setdefault(image_id, TrainingImage(image_id, info, number))
        if known.info['img_path'] != info['img_path']:
            raise ValueError(f"two images have the id {image_id!r}: {known.info['img_path']} and "
                             f"{info['img_path']}; let data_prefix.img_path name their folder")

    @staticmethod
    def _part(dataset: BaseDataset, prefix: str) -> _Part:
        if getattr(dataset, 'reduce_zero_label', False) or getattr(dataset, 'label_map', None):
            raise ValueError('labels that are renumbered on loading (reduce_zero_label, or '
                             'metainfo.classes of another list) cannot be complemented: store '
                             'them with background 0 and the classes in order')
        image, labels, place = _loading_transforms(dataset)
        folder = (getattr(dataset, 'data_prefix', None) or {}).get('img_path', '')
        return _Part(dataset, ImageIds(folder, prefix), image, labels, place)

    @property
    def ids(self) -> list[str]:
        return list(self.images)

    def load_image(self, image_id: str) -> np.ndarray:
        """(H, W, 3), as the pipeline loads it (BGR by default)."""
        image = self.images[image_id]
        return self.parts[image.part].load_image(dict(image.info, seg_fields=[]))['img']

    def load_labels(self, image_id: str, path: str | None = None) -> np.ndarray:
        """(H, W), as the pipeline loads the original labels, or those of ``path``."""
        image = self.images[image_id]
        info = dict(image.info, seg_fields=[])
        if path is not None:
            info['seg_map_path'] = path
        return self.parts[image.part].load_labels(info)['gt_seg_map']

    def mask_path(self, image_id: str, folder: str) -> Path:
        """Where a mask of the image would lie: as its label file, in another folder."""
        image = self.images[image_id]
        dataset = self.parts[image.part].dataset
        path = Path(image.info['seg_map_path'])
        labels = Path(dataset.data_prefix.get('seg_map_path') or path.parent)
        name = path.relative_to(labels) if path.is_relative_to(labels) else Path(path.name)
        return Path(dataset.data_root or '', folder, name)

    def fingerprint(self) -> str:
        """Changes with the ids and with the content of any original label file."""
        sums = {image_id: zlib.crc32(Path(image.info['seg_map_path']).read_bytes())
                for image_id, image in self.images.items()}
        return fingerprint(labels=sums)

    def use_versions(self, store: Path, number_pixels: bool) -> None:
        """Let the pipelines load labels from a store, by the version that indices carry.

        Args:
            store: root of the label store.
            number_pixels: also let samples say where their pixels come from.
        """
        for part in self.parts:
            transforms = part.dataset.pipeline.transforms
            if number_pixels:
                transforms.insert(part.place + 1, AddPixelNumbers())
            transforms.insert(0, PointToLabels(store, part.ids))
            transforms[-1] = PackWithLabels(transforms[-1])


def _loading_transforms(dataset: BaseDataset):
    """The transforms that load image and labels, and the place of the latter."""
    transforms = dataset.pipeline.transforms
    results, found = dataset.get_data_info(0), {}
    for place, transform in enumerate(transforms[:-1]):
        results = transform(results)
        for key in ('img', 'gt_seg_map'):
            if key in results and key not in found:
                found[key] = place
        if len(found) == 2:
            break
    if len(found) < 2:
        raise ValueError('the training pipeline must load image and labels by one transform each '
                         '(img, gt_seg_map) before it packs them')
    if results['img'].shape[:2] != results['gt_seg_map'].shape:
        raise ValueError(f"{results['img_path']}: image and labels have different sizes after "
                         'loading; load the labels before the image is resized')
    place = found['gt_seg_map']
    return transforms[found['img']], transforms[place], place
