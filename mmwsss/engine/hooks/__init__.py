from .atomic_checkpoint_hook import AtomicCheckpointHook
from .attention_memory_hook import AttentionMemoryHook
from .exact_resume_hook import ExactResumeHook
from .mutual_complementary_hook import MutualComplementaryHook
from .preflight_hook import PreflightHook
from .sibling_nodes_hook import SiblingNodesHook

__all__ = [
    'AtomicCheckpointHook', 'AttentionMemoryHook', 'ExactResumeHook', 'MutualComplementaryHook',
    'PreflightHook', 'SiblingNodesHook',
]
