"""From activation maps to pseudo labels: pure functions and stores, without models or runners."""
from .activation_store import ActivationStore
from .fingerprint import fingerprint
from .label_store import LabelStore

__all__ = ['ActivationStore', 'LabelStore', 'fingerprint']
