"""From activation maps to pseudo labels: pure functions and stores, without models or runners."""
from .activation_store import ActivationStore
from .affinity_walk import propagate
from .crf import CRF_PRESETS, CRFSettings, dense_crf
from .fingerprint import fingerprint
from .label_store import LabelStore

__all__ = [
    'ActivationStore', 'CRF_PRESETS', 'CRFSettings', 'LabelStore', 'dense_crf', 'fingerprint',
    'propagate',
]
