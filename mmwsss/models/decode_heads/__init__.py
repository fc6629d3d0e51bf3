"""Decode heads."""
from .context_head import ContextHead
from .deeplabv2_head import DeepLabV2Head
from .grm_head import GRMHead
from .largefov_head import LargeFOVHead

__all__ = [
    'ContextHead',
    'DeepLabV2Head',
    'GRMHead',
    'LargeFOVHead',
]
