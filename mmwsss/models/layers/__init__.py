"""Layers that can stand in any network; each on (B, D, H, W) maps or (C, D) nodes."""
from .adjacency import ADJACENCY_MODES, coupling, normalize_adjacency
from .complementary_module import ComplementaryModule, allowed_edges
from .context_controls import GlobalContext, PixelResidual
from .graph_convolution import GraphConvolution
from .graph_reasoning import GraphReasoningMapping
from .patch_graph import PatchGraph, Siblings, grid_masks_of
from .patch_masks import box_masks, grid_masks, patch_labels

__all__ = [
    'ADJACENCY_MODES', 'ComplementaryModule', 'GlobalContext', 'GraphConvolution',
    'GraphReasoningMapping', 'PatchGraph', 'PixelResidual', 'Siblings', 'allowed_edges',
    'box_masks', 'coupling', 'grid_masks', 'grid_masks_of', 'normalize_adjacency', 'patch_labels'
]
