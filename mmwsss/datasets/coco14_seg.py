"""COCO 2014 segmentation (80 object classes) with labels from an explicit folder."""
import posixpath
import re

from mmengine.registry import DATASETS

from .checked_seg_dataset import CheckedSegDataset
from .classes import BACKGROUND, COCO_CLASSES
from .palette import voc_palette


@DATASETS.register_module()
class COCO14SegDataset(CheckedSegDataset):
    """COCO 2014: background and 80 classes; labels are PNGs with 0..80 and 255.

    The label values are those of :func:`mmwsss.datasets.classes.coco_label`: ascending category
    id, 1..80. mmseg's COCO data sets are another task (COCO-Stuff, 164 or 171 classes).

    Example:
        >>> train = dict(
        >>>     type='COCO14SegDataset',
        >>>     data_root='data/coco2014',
        >>>     ann_file='train.txt',           # COCO_train2014_000000000009, ...
        >>>     data_prefix=dict(img_path='train2014', seg_map_path='/path/to/pseudo_labels'))

    Args:
        label_names (str): ``'image'``: labels are named like their image; ``'number'``: by the
            bare number (``9.png`` for ``COCO_train2014_000000000009.jpg``), as ReCAM's and IRN's
            COCO scripts write them.
        **kwargs: See :class:`CheckedSegDataset`.
    """

    METAINFO = dict(
        classes=(BACKGROUND, ) + COCO_CLASSES, palette=voc_palette(1 + len(COCO_CLASSES)))

    def __init__(self, *args, label_names: str = 'image', **kwargs) -> None:
        if label_names not in ('image', 'number'):
            raise ValueError(f"label_names must be 'image' or 'number', got {label_names!r}")
        self.label_names = label_names
        super().__init__(*args, **kwargs)

    def label_name(self, image_id: str) -> str:
        if self.label_names == 'image':
            return super().label_name(image_id)
        number = re.search(r'(\d+)$', image_id)
        if number is None:
            raise ValueError(f"label_names='number' needs ids that end in a number, got "
                             f'{image_id!r}')
        name = str(int(number.group(1))) + self.seg_map_suffix
        return posixpath.join(posixpath.dirname(image_id), name)
