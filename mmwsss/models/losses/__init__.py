"""Losses: each a pure function with a thin registered module around it."""
from .multilabel_focal_loss import MultiLabelFocalLoss, multilabel_focal_loss
from .soft_complementary_loss import (
    SoftComplementaryLoss,
    attention_region,
    soft_complementary_loss,
    total_variation,
)

__all__ = [
    'MultiLabelFocalLoss', 'SoftComplementaryLoss', 'attention_region', 'multilabel_focal_loss',
    'soft_complementary_loss', 'total_variation'
]
