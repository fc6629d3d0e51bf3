"""Boxes of a weakly supervised detector for each image, from one file of detections.

Source: pgnn.txt, "The method of cropping images": the top k proposals of a detector trained on
image-level labels are the patches.
"""
import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Dict, List, Tuple

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.registry import TRANSFORMS

_NUMBER = re.compile(r'(\d+)$')


def read_proposals(file: str, count: int) -> Dict[str, np.ndarray]:
    """The best boxes of each image of a COCO result file.

    The file is a JSON list of ``{"image_id", "category_id", "bbox": [x, y, width, height],
    "score"}`` in pixels of the image.

    Args:
        file (str): its path.
        count (int): boxes kept an image, those with the highest scores; among equal ones, those
            that come first.

    Returns:
        dict: image id as text -> (K, 4) float32, left, top, right, bottom, best first.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if it is not such a file; says which entry is wrong.
    """
    path = Path(file)
    if not path.is_file():
        raise FileNotFoundError(f'the proposals {file} do not exist: make them with '
                                'tools/make_proposals.py, or name a COCO result file '
                                '(MMWSSS_PROPOSALS)')
    try:
        entries = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f'{file} is no JSON file ({error})') from error
    if not isinstance(entries, list):
        raise ValueError(f'{file} must be a list of detections (COCO result format)')
    found: Dict[str, List[Tuple[float, list]]] = defaultdict(list)
    for number, entry in enumerate(entries):
        try:
            x, y, width, height = map(float, entry['bbox'])
            found[str(entry['image_id'])].append((float(entry['score']), [x, y, x + width,
                                                                          y + height]))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f'{file}: detection {number} is not of the form {{"image_id", '
                             f'"bbox": [x, y, width, height], "score"}} ({error!r})') from error
    return {image_id: np.array([box for _, box in sorted(
        scored, key=lambda pair: -pair[0])[:count]], np.float32)
        for image_id, scored in found.items()}


@TRANSFORMS.register_module()
class LoadProposals(BaseTransform):
    """Give each sample its proposals, in pixels of the image as it lies on the disk.

    Let ``algorithm_keys=('proposals', )`` of ``PackInputs`` keep them. Ids of the file that are
    numbers, as COCO's, match images whose name ends in that number.

    Required keys: ``image_id``. Added keys: ``proposals`` (K, 4) float32 tensor, left, top, right,
    bottom, best first; K may be 0.

    Args:
        file (str): see :func:`read_proposals`. Read at first use.
        count (int): largest K. Defaults to 15.

    Raises:
        ValueError, FileNotFoundError: see there.
    """

    def __init__(self, file: str, count: int = 15) -> None:
        if count < 1:
            raise ValueError(f'count must be at least 1, got {count}')
        self.file = file
        self.count = count
        self._boxes: Dict[str, np.ndarray] = {}

    def transform(self, results: dict) -> dict:
        if not self._boxes:
            self._boxes = read_proposals(self.file, self.count)
        image_id = results['image_id']
        boxes = self._boxes.get(image_id)
        if boxes is None:
            number = _NUMBER.search(image_id)
            boxes = self._boxes.get(str(int(number[1]))) if number else None
        boxes = np.zeros((0, 4), np.float32) if boxes is None else boxes
        results['proposals'] = torch.from_numpy(boxes.copy())
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(file={self.file!r}, count={self.count})'
