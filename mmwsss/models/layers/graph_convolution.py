"""Graph convolution over class nodes.

Source: grm.txt §3.1, Eq. 1-2. Shape letters: B batch, C nodes, I input and O output channels.
"""
import math

import torch
from torch import Tensor, nn


class GraphConvolution(nn.Module):
    """A V W: every node takes the weighted sum of its neighbours, mapped by one matrix.

    The activation is left to the caller. Weights start in U(-1/sqrt(O), 1/sqrt(O)), as in the
    published graph layers of both the classifier and the segmentation head.

    Args:
        in_channels (int): I.
        out_channels (int): O.
        bias (bool): Defaults to False, as published.
    """

    def __init__(self, in_channels: int, out_channels: int, bias: bool = False) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.weight = nn.Parameter(torch.empty(in_channels, out_channels))
        self.bias = nn.Parameter(torch.empty(out_channels)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        bound = 1 / math.sqrt(self.out_channels)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def forward(self, nodes: Tensor, adjacency: Tensor) -> Tensor:
        """
        Args:
            nodes (Tensor): (..., C, I).
            adjacency (Tensor): (C, C), already normalised.

        Returns:
            Tensor: (..., C, O).
        """
        # The mapping first: (C, C) with (C, O) is cheaper than with (C, I) where O < I.
        out = adjacency @ (nodes @ self.weight)
        return out if self.bias is None else out + self.bias

    def extra_repr(self) -> str:
        return f'{self.in_channels}, {self.out_channels}, bias={self.bias is not None}'
