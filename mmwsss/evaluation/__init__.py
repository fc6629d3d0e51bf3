"""Metrics of pseudo labels, and writers that are metrics of a test loop."""
from .activation_writer import ActivationWriter
from .average_precision import PresentClassAveragePrecision
from .embedding_leak import EmbeddingLeak
from .label_quality import ThresholdCurve, count_labels, label_quality
from .label_quality_metric import PseudoLabelQuality
from .label_writer import LabelWriter
from .stored_activations import ParameterFreeWrapper, StoredActivations

__all__ = [
    'ActivationWriter', 'EmbeddingLeak', 'LabelWriter', 'ParameterFreeWrapper',
    'PresentClassAveragePrecision', 'PseudoLabelQuality', 'StoredActivations', 'ThresholdCurve',
    'count_labels', 'label_quality',
]
