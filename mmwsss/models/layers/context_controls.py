"""Controls for graph reasoning: modules of the same size that know no graph.

A graph module that does not beat ``GlobalContext`` has shown that image context helps, not that
the graph does; one that does not beat ``PixelResidual`` has shown that parameters help.

Shape letters: B batch, D channels, H, W map size, K classes, M hidden channels.
"""
from typing import Optional, Tuple

from mmengine.model import BaseModule
from mmengine.registry import MODELS
from torch import Tensor, nn


class _Residual(BaseModule):
    """x + f(x), with the interface of a context module."""

    def __init__(self, in_channels: int, hidden_channels: int, num_classes: Optional[int] = None,
                 init_cfg=None) -> None:
        super().__init__(init_cfg=init_cfg)
        # num_classes is part of the interface of context modules; these need none.
        self.in_channels = in_channels
        self.squeeze = nn.Conv2d(in_channels, hidden_channels, 1)
        self.expand = nn.Conv2d(hidden_channels, in_channels, 1)

    def _mlp(self, x: Tensor) -> Tensor:
        return self.expand(self.squeeze(x).relu())

    def reason(self, x: Tensor) -> Tuple[Tensor, None]:
        """``forward`` and no coarse logits; see ``GraphReasoningMapping.reason``."""
        return self(x), None


@MODELS.register_module()
class GlobalContext(_Residual):
    """x + MLP(GAP(x)): one vector for the whole image, added to every pixel.

    Args:
        in_channels (int): D.
        hidden_channels (int): M. The default 342 gives 176,000 parameters at D = 256, as many as
            ``GraphReasoningMapping`` with coarse nodes and 300-d embeddings.
        num_classes (int, optional): not used.
    """

    def __init__(self, in_channels: int, hidden_channels: int = 342,
                 num_classes: Optional[int] = None, init_cfg=None) -> None:
        super().__init__(in_channels, hidden_channels, num_classes, init_cfg)

    def forward(self, x: Tensor) -> Tensor:
        """(B, D, H, W) -> (B, D, H, W)."""
        return x + self._mlp(x.mean(dim=(2, 3), keepdim=True))


@MODELS.register_module()
class PixelResidual(_Residual):
    """x + MLP(x) at every pixel alone: parameters without context.

    Args:
        in_channels (int): D.
        hidden_channels (int): M, see ``GlobalContext``.
        num_classes (int, optional): not used.
    """

    def __init__(self, in_channels: int, hidden_channels: int = 342,
                 num_classes: Optional[int] = None, init_cfg=None) -> None:
        super().__init__(in_channels, hidden_channels, num_classes, init_cfg)

    def forward(self, x: Tensor) -> Tensor:
        """(B, D, H, W) -> (B, D, H, W)."""
        return x + self._mlp(x)
