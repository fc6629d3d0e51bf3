"""Boundary network and its affinity loss."""
from .affinity_loss import affinity_loss
from .boundary_net import BoundaryNet
from .edge_branch import EdgeBranch
from .edge_walk import EdgeWalk

__all__ = ['BoundaryNet', 'EdgeBranch', 'EdgeWalk', 'affinity_loss']
