"""A two-layer backbone, registered for the tests."""
import time

from mmengine.model import BaseModule
from mmengine.registry import MODELS
from torch import nn


@MODELS.register_module()
class TwoConvs(BaseModule):
    """Two convolutions without batch norm; hangs after ``hang_after`` forward passes."""

    def __init__(self, hang_after: int = 10 ** 9, init_cfg=None):
        super().__init__(init_cfg)
        self.left = hang_after
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1))

    def forward(self, x):
        time.sleep(0 if self.left > 0 else 300)
        self.left -= 1
        return (self.layers(x), )
