"""From activation maps to pseudo labels: pure functions and stores, without models or runners."""
from .activation_store import ActivationStore
from .affinity_walk import propagate
from .complementary import complement_labels
from .crf import CRF_PRESETS, CRFSettings, dense_crf
from .crf_refiner import CRFRefiner, PixelAdaptiveRefiner, build_refiner
from .fingerprint import fingerprint
from .label_rule import LabelRule
from .label_store import LabelStore
from .pixel_adaptive import PixelAdaptiveSettings, pixel_adaptive_refine, refine_masks
from .seeds import (
    confident_labels,
    normalize_activations,
    power_background,
    remaining_background,
    restrict_classes,
    seed_labels,
    threshold_background,
    walk_labels,
)
from .stores import kind_of_store

__all__ = [
    'ActivationStore', 'CRF_PRESETS', 'CRFRefiner', 'CRFSettings', 'LabelRule', 'LabelStore',
    'PixelAdaptiveRefiner', 'PixelAdaptiveSettings', 'build_refiner', 'complement_labels',
    'confident_labels', 'dense_crf', 'fingerprint', 'kind_of_store', 'normalize_activations',
    'pixel_adaptive_refine', 'power_background', 'propagate', 'refine_masks',
    'remaining_background', 'restrict_classes', 'seed_labels', 'threshold_background',
    'walk_labels',
]
