"""Image classifiers with class activation maps."""
from .cam_classifier import CAMClassifier
from .pgnn_classifier import PGNNClassifier

__all__ = ['CAMClassifier', 'PGNNClassifier']
