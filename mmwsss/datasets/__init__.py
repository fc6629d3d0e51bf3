from .checked_seg_dataset import CheckedSegDataset
from .coco14_seg import COCO14SegDataset
from .folder_seg import FolderSegDataset
from .image_label_dataset import ImageLabelDataset, WeakCOCO14Dataset, WeakVOCDataset
from .image_labels import ImageLabels
from .samplers import ResumableInfiniteSampler, SameClassBatchSampler
from .transforms import LoadAnyImage, LoadSegLabels, RandomLongSideCrop
from .voc12_seg import VOC12SegDataset

__all__ = [
    'COCO14SegDataset', 'CheckedSegDataset', 'FolderSegDataset', 'ImageLabelDataset',
    'ImageLabels', 'LoadAnyImage', 'LoadSegLabels', 'RandomLongSideCrop',
    'ResumableInfiniteSampler', 'SameClassBatchSampler', 'VOC12SegDataset', 'WeakCOCO14Dataset',
    'WeakVOCDataset'
]
