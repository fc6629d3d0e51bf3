"""Losses: each a pure function with a thin registered module around it."""
from .multilabel_focal_loss import MultiLabelFocalLoss, multilabel_focal_loss

__all__ = ['MultiLabelFocalLoss', 'multilabel_focal_loss']
