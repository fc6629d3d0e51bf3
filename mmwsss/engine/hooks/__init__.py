from .atomic_checkpoint_hook import AtomicCheckpointHook
from .exact_resume_hook import ExactResumeHook
from .mutual_complementary_hook import MutualComplementaryHook
from .preflight_hook import PreflightHook

__all__ = ['AtomicCheckpointHook', 'ExactResumeHook', 'MutualComplementaryHook', 'PreflightHook']
