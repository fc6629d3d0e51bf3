"""Class knowledge: which classes of a data set go together, and what their names mean."""
from .class_graph import ClassGraph
from .names import ALIASES, COCO_CLASSES, VOC_CLASSES, UnknownClassError

__all__ = ['ALIASES', 'COCO_CLASSES', 'VOC_CLASSES', 'ClassGraph', 'UnknownClassError']
