"""PASCAL VOC 2012 segmentation with labels from an explicit folder."""
from mmengine.registry import DATASETS

from .checked_seg_dataset import CheckedSegDataset
from .classes import BACKGROUND, VOC_CLASSES
from .palette import voc_palette


@DATASETS.register_module()
class VOC12SegDataset(CheckedSegDataset):
    """PASCAL VOC 2012: background and 20 classes; labels are PNGs with 0..20 and 255.

    Example:
        >>> train = dict(
        >>>     type='VOC12SegDataset',
        >>>     data_root='data/VOCdevkit/VOC2012',
        >>>     ann_file='ImageSets/Segmentation/train_aug.txt',
        >>>     data_prefix=dict(img_path='JPEGImages', seg_map_path='/path/to/pseudo_labels'))

    Arguments and errors: see :class:`CheckedSegDataset`.
    """

    METAINFO = dict(
        classes=(BACKGROUND, ) + VOC_CLASSES, palette=voc_palette(1 + len(VOC_CLASSES)))
