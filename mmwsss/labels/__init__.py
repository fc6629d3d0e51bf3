"""From activation maps to pseudo labels: pure functions and stores, without models or runners."""
from .activation_store import ActivationStore
from .affinity_walk import propagate
from .complementary import complement_labels
from .crf import CRF_PRESETS, CRFSettings, dense_crf
from .fingerprint import fingerprint
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

__all__ = [
    'ActivationStore', 'CRF_PRESETS', 'CRFSettings', 'LabelStore', 'complement_labels',
    'confident_labels', 'dense_crf', 'fingerprint', 'normalize_activations', 'power_background',
    'propagate', 'restrict_classes', 'seed_labels', 'threshold_background', 'walk_labels',
]
