from .hooks import (
    AtomicCheckpointHook,
    AttentionMemoryHook,
    ExactResumeHook,
    MutualComplementaryHook,
    PreflightHook,
    SiblingNodesHook,
)
from .preflight import PreflightError
from .safe_load import CheckpointError, load_checkpoint_safely, use_safe_loading

__all__ = [
    'AtomicCheckpointHook', 'AttentionMemoryHook', 'CheckpointError', 'ExactResumeHook',
    'MutualComplementaryHook', 'PreflightError', 'PreflightHook', 'SiblingNodesHook',
    'load_checkpoint_safely', 'use_safe_loading'
]
