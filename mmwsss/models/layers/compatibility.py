"""Scores between pixels and class nodes, before the softmax of grm.txt Eq. 7.

Shape letters: B batch, D feature channels, H, W map size, N = H * W pixels, M nodes, S node
channels, A score channels.
"""
import math

import torch.nn.functional as F
from torch import Tensor, nn


class SeparableScore(nn.Module):
    """w . [x_i, v] + b: the published 1x1 convolution on [x_i, v] to one scalar.

    A linear score of a pair is a sum of a pixel part and a node part, so the (N, M, 2D) tensor of
    pairs is never needed. After a softmax over pixels the node part cancels; see docs/grm.md.

    Args:
        in_channels (int): D, for pixels and nodes alike.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2 * in_channels, 1, 1)

    def forward(self, x: Tensor, nodes: Tensor) -> Tensor:
        """(B, D, H, W), (M, D) -> (B, M, N)."""
        weight_x, weight_v = self.conv.weight.chunk(2, dim=1)
        pixel_b1n = F.conv2d(x, weight_x).flatten(2)
        node_m = nodes @ weight_v.flatten() + self.conv.bias
        return pixel_b1n + node_m[:, None]


class BilinearScore(nn.Module):
    """v^T W x_i / sqrt(S): the literal reading of Eq. 7, whose W is a matrix.

    Args:
        in_channels (int): D.
        node_channels (int): S.
    """

    def __init__(self, in_channels: int, node_channels: int) -> None:
        super().__init__()
        self.query = nn.Conv2d(in_channels, node_channels, 1, bias=False)
        self.scale = 1 / math.sqrt(node_channels)

    def forward(self, x: Tensor, nodes: Tensor) -> Tensor:
        """(B, D, H, W), (M, S) or (B, M, S) -> (B, M, N)."""
        # Scaled before the product, which could overflow in float16 after it.
        return (nodes * self.scale) @ self.query(x).flatten(2)


class AdditiveScore(nn.Module):
    """a . LeakyReLU(W x_i + U v): the non-linearity before the scalar makes pairs interact.

    As in GATv2 (Brody et al. 2022). It holds a (B, M, N, A) tensor, so A stays small.

    Args:
        in_channels (int): D.
        node_channels (int): S.
        channels (int): A.
    """

    def __init__(self, in_channels: int, node_channels: int, channels: int = 32) -> None:
        super().__init__()
        self.query = nn.Conv2d(in_channels, channels, 1)
        self.key = nn.Linear(node_channels, channels, bias=False)
        self.score = nn.Linear(channels, 1, bias=False)

    def forward(self, x: Tensor, nodes: Tensor) -> Tensor:
        """(B, D, H, W), (M, S) or (B, M, S) -> (B, M, N)."""
        query_b1na = self.query(x).flatten(2).transpose(1, 2).unsqueeze(1)
        key_m1a = self.key(nodes).unsqueeze(-2)
        return self.score(F.leaky_relu(query_b1na + key_m1a, 0.2)).squeeze(-1)


def normalize_scores(scores: Tensor, over: str, keep_scale: bool = True) -> Tensor:
    """Softmax of compatibility scores.

    Args:
        scores (Tensor): (B, M, N).
        over (str): ``'pixels'``: each node spreads over the image (Eq. 7); ``'nodes'``: each
            pixel spreads over the nodes.
        keep_scale (bool): with ``'pixels'``, multiply by N, so that weights are 1 on average.
            The published layer does not, and its output vanishes with the image's size.

    Returns:
        Tensor: (B, M, N), values >= 0.
    """
    if over == 'nodes':
        return scores.softmax(dim=1)
    weights = scores.softmax(dim=2)
    return weights * scores.shape[2] if keep_scale else weights
