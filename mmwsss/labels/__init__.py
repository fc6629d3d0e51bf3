"""From activation maps to pseudo labels: pure functions and stores, without models or runners."""
from .activation_store import ActivationStore
from .affinity_walk import propagate
from .complementary import complement_labels
from .crf import CRF_PRESETS, CRFSettings, dense_crf
from .crf_refiner import CRFRefiner
from .fingerprint import fingerprint
from .label_rule import LabelRule
from .label_store import LabelStore
from .seeds import (
    confident_labels,
    normalize_activations,
    power_background,
    restrict_classes,
    seed_labels,
    threshold_background,
    walk_labels,
)
from .stores import kind_of_store

__all__ = [
    'ActivationStore', 'CRFRefiner', 'CRFSettings', 'CRF_PRESETS', 'LabelRule', 'LabelStore',
    'complement_labels', 'confident_labels', 'dense_crf', 'fingerprint', 'kind_of_store',
    'normalize_activations', 'power_background', 'propagate', 'restrict_classes', 'seed_labels',
    'threshold_background', 'walk_labels',
]
