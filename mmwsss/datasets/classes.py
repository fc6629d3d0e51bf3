"""Label values of VOC and COCO, and the one mapping from COCO's category ids to label values.

Pure data: nothing here imports torch or reads a file. Label value 0 is the background; foreground
class ``k`` (1-based) has label value ``k``; 255 is 'not labelled'.

COCO numbers its 80 object categories 1..90 with ten gaps (12 street sign, 26 hat, 29 shoe,
30 eye glasses, 45 plate, 66 mirror, 68 window, 69 desk, 71 door, 83 blender) and 91 hair brush
unused as well. Masks made from ``instances_*.json`` must therefore be renumbered:
``label = coco_label(category_id)``, with labels 1..80 in ascending order of the category id.
"""
from typing import Dict, Tuple

from mmwsss.knowledge.names import COCO_CLASSES, VOC_CLASSES

__all__ = [
    'BACKGROUND', 'COCO_CATEGORY_IDS', 'COCO_CLASSES', 'COCO_UNUSED_IDS', 'IGNORE_LABEL',
    'VOC_CLASSES', 'coco_category_id', 'coco_label'
]

BACKGROUND = 'background'
IGNORE_LABEL = 255

#: Category ids that ``instances_{train,val}2014.json`` never uses.
COCO_UNUSED_IDS: Tuple[int, ...] = (12, 26, 29, 30, 45, 66, 68, 69, 71, 83, 91)

#: Category id of label ``k`` is ``COCO_CATEGORY_IDS[k - 1]``.
COCO_CATEGORY_IDS: Tuple[int, ...] = tuple(
    i for i in range(1, 92) if i not in COCO_UNUSED_IDS)

_LABEL_OF_ID: Dict[int, int] = {c: k for k, c in enumerate(COCO_CATEGORY_IDS, start=1)}


def coco_label(category_id: int) -> int:
    """Label value (1..80) of a COCO category id (1..90 with gaps).

    Raises:
        ValueError: If COCO's instance annotations have no such category.
    """
    if category_id not in _LABEL_OF_ID:
        raise ValueError(f'{category_id!r} is not one of the 80 category ids of COCO instances '
                         f'(1..90 without {COCO_UNUSED_IDS[:-1]})')
    return _LABEL_OF_ID[category_id]


def coco_category_id(label: int) -> int:
    """COCO category id of a label value (1..80); the inverse of :func:`coco_label`.

    Raises:
        ValueError: If the label is no foreground class.
    """
    if not 1 <= label <= len(COCO_CATEGORY_IDS):
        raise ValueError(f'foreground labels of COCO are 1..80, got {label!r}')
    return COCO_CATEGORY_IDS[label - 1]
