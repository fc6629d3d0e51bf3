"""Backbones."""
from .frozen_timm import FrozenTIMMBackbone
from .grm_backbone import GRMBackbone
from .vgg_largefov import VGGLargeFOV

__all__ = [
    'FrozenTIMMBackbone',
    'GRMBackbone',
    'VGGLargeFOV',
]
