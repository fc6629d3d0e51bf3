"""From word vectors (and, by option, the image) to evolved class nodes.

Source: grm.txt §3.1 and Fig. 5 for the published encoder. Gathering follows symbolic graph
reasoning (SGR, Liang et al. 2018: votes collect local features into symbol nodes) and, with a
coarse class map as the assignment, object-contextual representations (OCR, Yuan et al. 2020).

Shape letters: B batch, D feature channels, H, W map size, N = H * W pixels, M nodes, E word vector
channels, S node channels, K classes of the head.
"""
from typing import Optional, Tuple

import torch.nn.functional as F
from torch import Tensor, nn

from .graph_convolution import GraphConvolution


class PublishedNodes(nn.Module):
    """relu(A drop(relu(A V W1)) W2): two graph convolutions as published; the same for all images.

    Two ReLUs after averaging pull the nodes together (mean cosine between classes about 0.9).

    Args:
        embedding_channels (int): E.
        hidden_channels (int): between the two convolutions.
        out_channels (int): S; the published layer adds nodes to features, so it is D there.
        dropout (float): on the hidden nodes, in training only.
    """

    def __init__(self, embedding_channels: int, hidden_channels: int, out_channels: int,
                 dropout: float = 0.3) -> None:
        super().__init__()
        self.gcn1 = GraphConvolution(embedding_channels, hidden_channels)
        self.gcn2 = GraphConvolution(hidden_channels, out_channels)
        self.dropout = nn.Dropout(dropout)

    def widen(self, embedding_channels: int) -> None:
        """Take word vectors of another width; forgets the weights of the first convolution."""
        old = self.gcn1
        self.gcn1 = GraphConvolution(embedding_channels, old.out_channels).to(old.weight)

    def forward(self, words: Tensor, adjacency: Tensor) -> Tensor:
        """(M, E), (M, M) -> (M, S), values >= 0."""
        hidden_ms = self.gcn1(words, adjacency).relu()
        return self.gcn2(self.dropout(hidden_ms), adjacency).relu()


class ResidualGCN(nn.Module):
    """LN(z + A drop(relu(A z W1)) W2): reasoning that keeps nodes apart.

    The residual keeps what a node was, there is no ReLU after the last convolution, and the layer
    norm keeps all nodes at one scale.

    Args:
        channels (int): S.
        dropout (float): on the hidden nodes, in training only.
    """

    def __init__(self, channels: int, dropout: float = 0.3) -> None:
        super().__init__()
        self.gcn1 = GraphConvolution(channels, channels)
        self.gcn2 = GraphConvolution(channels, channels)
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(channels)

    def forward(self, nodes: Tensor, adjacency: Tensor) -> Tensor:
        """(..., M, S), (M, M) -> (..., M, S)."""
        hidden = self.dropout(self.gcn1(nodes, adjacency).relu())
        return self.norm(nodes + self.gcn2(hidden, adjacency))


class FixedNodes(nn.Module):
    """Nodes made of word vectors alone, the same for all images, with the mended convolutions.

    Args:
        embedding_channels (int): E.
        channels (int): S.
        dropout (float): see :class:`ResidualGCN`.
    """

    def __init__(self, embedding_channels: int, channels: int, dropout: float = 0.3) -> None:
        super().__init__()
        self.embed = nn.Linear(embedding_channels, channels, bias=False)
        self.norm = nn.LayerNorm(channels)
        self.gcn = ResidualGCN(channels, dropout)

    def widen(self, embedding_channels: int) -> None:
        """Take word vectors of another width; forgets the weights of their projection."""
        self.embed = _projection(embedding_channels, self.embed)

    def forward(self, x: Tensor, words: Tensor, adjacency: Tensor) -> Tuple[Tensor, None]:
        """x (B, D, H, W) is not used; returns nodes (M, S) and no coarse logits."""
        return self.gcn(self.norm(self.embed(words)), adjacency), None


class GatheredNodes(nn.Module):
    """Nodes that also collect the image's own features.

    z_m = LN(sum_i p_mi P x_i + W v_m), with p_m a softmax over the pixels i, so that a node holds
    the mean feature of what is assigned to it whatever the size of the image. Then the graph
    convolutions of :class:`ResidualGCN` run on the nodes of each image.

    Args:
        in_channels (int): D.
        num_nodes (int): M.
        embedding_channels (int): E.
        channels (int): S.
        dropout (float): see :class:`ResidualGCN`.
        num_classes (int, optional): K. If given, the assignment is a class map of K channels that
            is meant to be supervised (``nodes='coarse'``); its last M channels belong to the
            nodes. If not, the assignment is free (``nodes='gathered'``).
    """

    def __init__(self, in_channels: int, num_nodes: int, embedding_channels: int, channels: int,
                 dropout: float = 0.3, num_classes: Optional[int] = None) -> None:
        super().__init__()
        self.num_nodes = num_nodes
        self.supervised = num_classes is not None
        # A free assignment is seen through a softmax over pixels only, where a bias cancels.
        self.assign = nn.Conv2d(in_channels, num_classes or num_nodes, 1, bias=self.supervised)
        self.project = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.embed = nn.Linear(embedding_channels, channels, bias=False)
        self.norm = nn.LayerNorm(channels)
        self.gcn = ResidualGCN(channels, dropout)

    def widen(self, embedding_channels: int) -> None:
        """Take word vectors of another width; forgets the weights of their projection."""
        self.embed = _projection(embedding_channels, self.embed)

    def forward(self, x: Tensor, words: Tensor,
                adjacency: Tensor) -> Tuple[Tensor, Optional[Tensor]]:
        """
        Args:
            x (Tensor): (B, D, H, W).
            words (Tensor): (M, E).
            adjacency (Tensor): (M, M).

        Returns:
            tuple[Tensor, Tensor | None]: nodes (B, M, S), and the class map (B, K, H, W) if it is
            to be supervised.
        """
        logits = self.assign(x)
        share_bmn = F.softmax(logits[:, -self.num_nodes:].flatten(2), dim=-1)
        gathered_bms = share_bmn @ self.project(x).flatten(2).transpose(1, 2)
        nodes_bms = self.gcn(self.norm(gathered_bms + self.embed(words)), adjacency)
        return nodes_bms, logits if self.supervised else None


def _projection(in_features: int, like: nn.Linear) -> nn.Linear:
    """A new layer like one that has no bias, with other inputs."""
    return nn.Linear(in_features, like.out_features, bias=False).to(like.weight)
