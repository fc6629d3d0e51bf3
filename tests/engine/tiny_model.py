"""A two-layer backbone, registered for the tests."""
import time

from mmengine.model import BaseModule
from mmengine.registry import MODELS
from torch import nn


@MODELS.register_module()
class TwoConvs(BaseModule):
    """Two convolutions without batch norm; ``delay`` seconds are slept in each forward."""

    def __init__(self, delay: float = 0., init_cfg=None):
        super().__init__(init_cfg)
        self.delay = delay
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1))

    def forward(self, x):
        time.sleep(self.delay)
        return (self.layers(x), )
