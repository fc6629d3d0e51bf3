"""Boxes of a weakly supervised detector for each image, from one file of detections.

Source: pgnn.txt, "The method of cropping images": the top k proposals of a detector trained on
image-level labels are the patches.
"""
from collections import defaultdict
from typing import Dict, List, Optional, Sequence, Union

import torch
from mmcv.transforms import BaseTransform
from mmengine.registry import TRANSFORMS

from mmwsss.datasets.classes import COCO_CLASSES, VOC_CLASSES
from mmwsss.datasets.detections import Detection, best_boxes, names_of_id, read_detections

KNOWN_CLASSES = dict(voc=VOC_CLASSES, coco=COCO_CLASSES)


@TRANSFORMS.register_module()
class LoadProposals(BaseTransform):
    """Give each sample its proposals, in pixels of the image as it lies on the disk.

    Let ``algorithm_keys=('proposals', )`` of ``PackInputs`` keep them. An image is looked up by
    its id; COCO's and VOC's names also by their number (:func:`names_of_id`).

    Required keys: ``image_id``; with ``classes`` also ``gt_label``. Added keys: ``proposals``
    (K, 4) float32 tensor, left, top, right, bottom, best first; K may be 0.

    Args:
        file (str): see :func:`read_detections`. Read at first use.
        count (int): largest K. Defaults to 15.
        classes (str | Sequence[str], optional): the data set's classes (``'voc'``, ``'coco'`` or
            names in label order): boxes of classes that the image does not have are left out. The
            file's ``categories`` say what its ids mean; without them ``category_id`` is the class
            index + 1, as tools/make_proposals.py writes it. None: all boxes, whatever their class.

    Raises:
        ValueError, FileNotFoundError: see :func:`read_detections`; and for categories that are no
            classes, or none at all.
    """

    def __init__(self, file: str, count: int = 15,
                 classes: Optional[Union[str, Sequence[str]]] = None) -> None:
        if count < 1:
            raise ValueError(f'count must be at least 1, got {count}')
        if isinstance(classes, str):
            if classes not in KNOWN_CLASSES:
                raise ValueError(f'classes={classes!r} is unknown; use one of '
                                 f'{tuple(KNOWN_CLASSES)} or a list of names')
            classes = KNOWN_CLASSES[classes]
        self.file = file
        self.count = count
        self.classes = None if classes is None else list(classes)
        self._by_image: Optional[Dict[str, List[Detection]]] = None
        self._class_of: Dict[int, int] = {}

    def transform(self, results: dict) -> dict:
        """Add the proposals of one image."""
        detections = self.detections_of(results['image_id'])
        if self.classes is not None:
            present = {int(c) for c in results['gt_label']}
            detections = [d for d in detections if self._class_of[d.category_id] in present]
        boxes = [d.box for d in best_boxes(detections, self.count)]
        results['proposals'] = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
        return results

    def detections_of(self, image_id: str) -> List[Detection]:
        """All detections of an image, by the first of its names that the file knows."""
        name = self.name_of(image_id)
        return [] if name is None else self._by_image[name]

    def name_of(self, image_id: str) -> Optional[str]:
        """What the file calls an image, None if it has no boxes of it."""
        if self._by_image is None:
            self._read()
        return next((name for name in names_of_id(image_id) if name in self._by_image), None)

    def problem_with(self, image_ids: Sequence[str]) -> Optional[str]:
        """Why the file cannot be that of these images, or None if it has boxes of some, each of
        one image."""
        image_of: Dict[str, str] = {}
        for image_id in image_ids:
            name = self.name_of(image_id)
            if name is not None and image_of.setdefault(name, image_id) != image_id:
                return (f'the proposals {self.file} name an image {name!r}, which can be '
                        f'{image_of[name]!r} or {image_id!r}: give it the ids of the data set')
        if image_of or not image_ids:
            return None
        known = f'as {next(iter(self._by_image))!r}' if self._by_image else 'none at all'
        return (f'the proposals {self.file} have boxes of none of {len(image_ids)} images (such '
                f'as {image_ids[0]!r}); it names images {known}: make them with '
                'tools/make_proposals.py on this data set, or name the right file '
                '(MMWSSS_PROPOSALS)')

    def _read(self) -> None:
        found, categories = read_detections(self.file)
        by_image = defaultdict(list)
        for detection in found:
            by_image[detection.image_id].append(detection)
        if self.classes is not None:
            self._class_of = self._classes_of({d.category_id for d in found}, categories)
        self._by_image = dict(by_image)

    def _classes_of(self, ids: set, categories: Dict[int, str]) -> Dict[int, int]:
        """Category id -> class index."""
        if None in ids:
            raise ValueError(f'{self.file}: detections without "category_id", so their classes '
                             'are not known; leave classes out to take all boxes')
        place = {name: index for index, name in enumerate(self.classes)}
        if categories:
            found = {i: place.get(categories.get(i)) for i in ids}
        else:
            found = {i: i - 1 if 1 <= i <= len(place) else None for i in ids}
        wrong = sorted(i for i in ids if found[i] is None)
        if wrong:
            name = f' ({categories[wrong[0]]!r})' if wrong[0] in categories else ''
            raise ValueError(f'{self.file}: category_id {wrong[0]}{name} is none of the '
                             f'{len(place)} classes; give the file "categories" with their names')
        return found

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(file={self.file!r}, count={self.count}, '
                f'classes={self.classes})')
