"""Controls for graph reasoning: modules of the same size that know no graph.

A graph module that does not beat ``GlobalContext`` has shown that image context helps, not that
the graph does; one that does not beat ``PixelResidual`` has shown that parameters help. Coarse
nodes come with a loss on a class map, which either control takes over with ``class_map=True``: so
far as such a control gains as much, the loss helps and not what is done with the map.

Shape letters: B batch, D channels, H, W map size, K classes, M hidden channels.
"""
from typing import Optional, Tuple

from mmengine.model import BaseModule
from mmengine.registry import MODELS
from torch import Tensor, nn


class _Residual(BaseModule):
    """x + f(x), with the interface of a context module."""

    def __init__(self, in_channels: int, hidden_channels: int = 342,
                 num_classes: Optional[int] = None, class_map: bool = False,
                 init_cfg=None) -> None:
        super().__init__(init_cfg=init_cfg)
        if class_map and num_classes is None:
            raise ValueError('class_map=True of a context control needs num_classes, which '
                             'ContextHead gives; got None')
        self.in_channels = in_channels
        self.squeeze = nn.Conv2d(in_channels, hidden_channels, 1)
        self.expand = nn.Conv2d(hidden_channels, in_channels, 1)
        # As GatheredNodes assigns pixels to classes, but nothing is gathered with it.
        self.class_map = nn.Conv2d(in_channels, num_classes, 1) if class_map else None

    def _mlp(self, x: Tensor) -> Tensor:
        return self.expand(self.squeeze(x).relu())

    def reason(self, x: Tensor) -> Tuple[Tensor, Optional[Tensor]]:
        """
        Args:
            x (Tensor): (B, D, H, W).

        Returns:
            tuple[Tensor, Tensor | None]: ``forward(x)``; and, with ``class_map``, logits
            (B, K, H, W) that serve their own loss only.
        """
        return self(x), None if self.class_map is None else self.class_map(x)


@MODELS.register_module()
class GlobalContext(_Residual):
    """x + MLP(GAP(x)): one vector for the whole image, added to every pixel.

    Args:
        in_channels (int): D.
        hidden_channels (int): M. The default 342 gives 176,000 parameters at D = 256, as many as
            ``GraphReasoningMapping`` with coarse nodes and 300-d embeddings.
        num_classes (int, optional): K, of the class map.
        class_map (bool): Whether ``reason`` returns a class map too, a 1x1 convolution of x, so
            that ``ContextHead`` trains it as it trains that of coarse nodes (its
            ``loss_coarse_weight`` must not be 0 then). ``forward`` does not use it. Default False.

    Raises:
        ValueError: a class map without ``num_classes``.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, D, H, W) -> (B, D, H, W)."""
        return x + self._mlp(x.mean(dim=(2, 3), keepdim=True))


@MODELS.register_module()
class PixelResidual(_Residual):
    """x + MLP(x) at every pixel alone: parameters without context.

    Args:
        in_channels (int): D.
        hidden_channels (int): M, see ``GlobalContext``.
        num_classes (int, optional): K, see ``GlobalContext``.
        class_map (bool): see ``GlobalContext``.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, D, H, W) -> (B, D, H, W)."""
        return x + self._mlp(x)
