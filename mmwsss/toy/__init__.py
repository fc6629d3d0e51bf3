"""A rendered, VOC-shaped data set: small enough for a CPU, hard enough that methods differ."""
from .dataset import ToySpec, write_toy_dataset
from .objects import TOY_CLASSES, Part, draw_object
from .scenes import render_scene

__all__ = ['TOY_CLASSES', 'Part', 'ToySpec', 'draw_object', 'render_scene', 'write_toy_dataset']
