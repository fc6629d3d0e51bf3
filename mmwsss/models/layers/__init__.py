"""Layers that can stand in any network; each on (B, D, H, W) maps or (C, D) nodes."""
from .adjacency import ADJACENCY_MODES, coupling, normalize_adjacency
from .context_controls import GlobalContext, PixelResidual
from .graph_convolution import GraphConvolution
from .graph_reasoning import GraphReasoningMapping

__all__ = [
    'ADJACENCY_MODES', 'GlobalContext', 'GraphConvolution', 'GraphReasoningMapping',
    'PixelResidual', 'coupling', 'normalize_adjacency'
]
