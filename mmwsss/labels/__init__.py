"""From activation maps to pseudo labels: pure functions and stores, without models or runners."""
from .fingerprint import fingerprint
from .label_store import LabelStore

__all__ = ['LabelStore', 'fingerprint']
