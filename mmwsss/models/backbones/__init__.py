"""Backbones."""
from .frozen_timm import FrozenTIMMBackbone
from .vgg_largefov import VGGLargeFOV

__all__ = [
    'FrozenTIMMBackbone',
    'VGGLargeFOV',
]
