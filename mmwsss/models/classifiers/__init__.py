"""Image classifiers with class activation maps."""
from .cam_classifier import CAMClassifier

__all__ = ['CAMClassifier']
