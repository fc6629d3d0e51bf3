"""Detections of a weakly supervised detector: COCO result files, checked entry by entry."""
import json
import math
import re
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

Box = Tuple[float, float, float, float]

# COCO's file names end in the id with twelve digits; VOC's are year and number.
_COCO_NAME = re.compile(r'(?:COCO_\w+_)?(\d{12})$')
_VOC_NAME = re.compile(r'(\d{4})_(\d{6})$')


class Detection(NamedTuple):
    """One entry of a file: ``box`` is left, top, right, bottom in pixels of the image."""

    image_id: str
    box: Box
    score: float
    category_id: Optional[int]
    entry: dict


class Detections(NamedTuple):
    """What a file holds: its detections in order, and the names of its categories, if any."""

    found: List[Detection]
    categories: Dict[int, str]


def read_detections(file: str) -> Detections:
    """All detections of a COCO result file.

    The file is a JSON list of ``{"image_id", "category_id", "bbox": [x, y, width, height],
    "score"}`` in pixels of the image, or ``{"annotations": that list, "categories": [{"id",
    "name"}]}``.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if it is not such a file, or a number is not finite or a box empty; names the
            file, the entry and its value.
    """
    path = Path(file)
    if not path.is_file():
        raise FileNotFoundError(f'the proposals {file} do not exist: make them with '
                                'tools/make_proposals.py, or name a COCO result file '
                                '(MMWSSS_PROPOSALS)')
    try:
        content = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f'{file} is no JSON file ({error})') from error
    entries = content.get('annotations') if isinstance(content, dict) else content
    if not isinstance(entries, list):
        raise ValueError(f'{file} must be a list of detections (COCO result format), or a '
                         '{"annotations": list, "categories": list}')
    found = []
    for number, entry in enumerate(entries):
        try:
            found.append(_detection(entry))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ValueError(
                f'{file}: detection {number} is not of the form {{"image_id", "bbox": [x, y, '
                f'width, height], "score"}} ({error!r}): {str(entry)[:200]}') from error
    return Detections(found, _categories(file, content))


def _detection(entry: dict) -> Detection:
    box = entry['bbox']
    if not isinstance(box, list) or len(box) != 4:
        raise ValueError('bbox must be a list of four numbers')
    x, y, width, height = (_number(value) for value in box)
    if width <= 0 or height <= 0:
        raise ValueError('width and height must be above 0')
    category = entry.get('category_id')
    return Detection(str(entry['image_id']), (x, y, x + width, y + height),
                     _number(entry['score']), None if category is None else int(category), entry)


def _number(value: Any) -> float:
    if isinstance(value, (bool, str)) or not math.isfinite(value):
        raise ValueError(f'{value!r} is no finite number')
    return float(value)


def _categories(file: str, content: Any) -> Dict[int, str]:
    listed = content.get('categories', []) if isinstance(content, dict) else []
    try:
        return {int(category['id']): str(category['name']) for category in listed}
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f'{file}: "categories" must be a list of {{"id", "name"}} '
                         f'({error!r})') from error


def best_boxes(detections: List[Detection], count: int) -> List[Detection]:
    """Those with the highest scores, at most ``count``; of equal boxes, one (a detector may give
    a box to each category), and of equal scores those that come first."""
    best: Dict[Box, Detection] = {}
    for detection in sorted(detections, key=lambda d: -d.score):
        best.setdefault(detection.box, detection)
    return list(best.values())[:count]


def names_of_id(image_id: str) -> List[str]:
    """What a detection file may call an image: its name; of COCO's ``COCO_train2014_000000000009``
    and ``000000000009`` also 9, of VOC's ``2007_000032`` also 2007000032."""
    names = [image_id]
    last = image_id.rsplit('/', 1)[-1]
    coco, voc = _COCO_NAME.match(last), _VOC_NAME.match(last)
    if coco:
        names.append(str(int(coco[1])))
    elif voc:
        names.append(voc[1] + voc[2])
    elif last.isdecimal():
        names.append(str(int(last)))
    return names
