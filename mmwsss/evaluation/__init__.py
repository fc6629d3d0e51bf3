"""Metrics of pseudo labels, and writers that are metrics of a test loop."""
from .activation_writer import ActivationWriter
from .label_quality import ThresholdCurve, count_labels, label_quality
from .label_quality_metric import PseudoLabelQuality

__all__ = [
    'ActivationWriter', 'PseudoLabelQuality', 'ThresholdCurve', 'count_labels', 'label_quality',
]
