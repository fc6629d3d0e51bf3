from .checked_seg_dataset import CheckedSegDataset
from .coco14_seg import COCO14SegDataset
from .samplers import ResumableInfiniteSampler
from .transforms import LoadSegLabels
from .voc12_seg import VOC12SegDataset

__all__ = [
    'COCO14SegDataset', 'CheckedSegDataset', 'LoadSegLabels', 'ResumableInfiniteSampler',
    'VOC12SegDataset'
]
