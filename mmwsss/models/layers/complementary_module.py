"""Attention between the patches of a group of images: edges of the patch graph, and its step.

Source: pgnn.txt, "Complementary learning module", Eq. 2, 3.
Shape letters: G groups, N images in a group, Q nodes to update, K nodes they look at, E channels,
A heads.
"""
from typing import Optional, Tuple, Union

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SCOPES = ('group', 'own', 'self', 'siblings')


def allowed_edges(scope: str, image: Tensor, valid: Tensor) -> Tensor:
    """Which node may look at which.

    Args:
        scope (str): ``'group'``: at all patches of the group (paper); ``'own'``: at those of its
            image; ``'self'``: at itself, which is no graph at all; ``'siblings'``: at those of
            the other images, or of its own if there is no other.
        image (Tensor): (K,) number of the image that a node comes from.
        valid (Tensor): (G, K) bool, False for empty patches. An empty patch looks at itself and
            no other looks at it.

    Returns:
        Tensor: (G, K, K) bool, rows look at columns; no row is empty.

    Raises:
        ValueError: for an unknown scope.
    """
    if scope not in SCOPES:
        raise ValueError(f'scope={scope!r} is unknown; use one of {SCOPES}')
    itself = torch.eye(len(image), dtype=torch.bool, device=image.device)
    own = image[:, None] == image
    pattern = {'group': torch.ones_like(own), 'own': own, 'self': itself, 'siblings': ~own}[scope]
    allowed = pattern & valid[:, None]
    allowed = torch.where(allowed.any(dim=-1, keepdim=True), allowed, own & valid[:, None])
    return torch.where(valid[:, :, None], allowed, itself)


class ComplementaryModule(nn.Module):
    """Multi-head attention, residual, layer norm, 1x1 convolutions, residual, layer norm.

    Args:
        channels (int): E.
        num_heads (int): A, a divisor of E. Defaults to 4.
        expansion (int): of the hidden channels of the convolutions. Defaults to 2.

    Raises:
        ValueError: if E is no multiple of A.
    """

    def __init__(self, channels: int, num_heads: int = 4, expansion: int = 2) -> None:
        super().__init__()
        if num_heads < 1 or channels % num_heads:
            raise ValueError(f'channels={channels} must be a multiple of num_heads={num_heads}')
        self.num_heads = num_heads
        self.query = nn.Linear(channels, channels)
        self.key_value = nn.Linear(channels, 2 * channels)
        self.out = nn.Linear(channels, channels)
        self.norm1 = nn.LayerNorm(channels)
        # 1x1 convolutions over nodes are linear layers
        self.conv = nn.Sequential(
            nn.Linear(channels, expansion * channels), nn.ReLU(inplace=True),
            nn.Linear(expansion * channels, channels))
        self.norm2 = nn.LayerNorm(channels)

    def forward(self, nodes: Tensor, others: Optional[Tensor] = None,
                allowed: Optional[Tensor] = None,
                return_edges: bool = False) -> Union[Tensor, Tuple[Tensor, Tensor]]:
        """Update nodes by what they look at.

        Args:
            nodes (Tensor): (G, Q, E).
            others (Tensor, optional): (G, K, E) nodes to look at; ``nodes`` if None.
            allowed (Tensor, optional): (G, Q, K) bool; all if None. No row may be empty.
            return_edges (bool): also give the edges.

        Returns:
            Tensor: (G, Q, E); with ``return_edges`` also the edge weights (G, A, Q, K): Eq. 3's
            N_q W_a N_k over sqrt(d) with W_a = W_query^T W_key of a head, after the softmax of
            Eq. 2.
        """
        others = nodes if others is None else others
        query = self._heads(self.query(nodes))
        key, value = (self._heads(part) for part in self.key_value(others).chunk(2, dim=-1))
        mask = None if allowed is None else allowed[:, None]
        edges = None
        if return_edges:
            scores = query @ key.transpose(-1, -2) / key.shape[-1]**0.5
            scores = scores if mask is None else scores.masked_fill(~mask, -torch.inf)
            edges = scores.softmax(dim=-1)
            message = edges @ value
        else:
            message = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        nodes = self.norm1(nodes + self.out(message.transpose(1, 2).flatten(2)))
        nodes = self.norm2(nodes + self.conv(nodes))
        return (nodes, edges) if return_edges else nodes

    def _heads(self, x: Tensor) -> Tensor:
        """(G, K, E) -> (G, A, K, E / A)."""
        return x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
