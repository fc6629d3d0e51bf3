"""A graph whose nodes are patches of images of one group, spliced back into their feature maps.

Source: pgnn.txt, "Construct the patch-level graph neural network", Eq. 1 to 4, Fig. 2 and 3.
Shape letters: B batch, G groups, N images in a group, M patches, D channels of the map, E of the
nodes, H, W map size, P = H W pixels, A heads, C classes.
"""
from typing import NamedTuple, Optional, Tuple

import torch
from torch import Tensor, nn

from .complementary_module import SCOPES, ComplementaryModule, allowed_edges
from .patch_masks import CLASS_EMBEDDINGS, grid_masks

FUSIONS = ('cross', 'broadcast')


class Siblings(NamedTuple):
    """Nodes of other images to look at: ``nodes`` (B, K, E) and ``valid`` (B, K) bool."""

    nodes: Tensor
    valid: Tensor


class PatchGraph(nn.Module):
    """x + what the patches of the group say, at every pixel.

    Args:
        in_channels (int): D.
        num_classes (int): C.
        channels (int): E. Defaults to 256.
        num_heads (int): A. Defaults to 4.
        scope (str): what a patch looks at; see :func:`allowed_edges`. Defaults to 'group'.
        class_embedding (str): see :func:`patch_labels`. All but ``'none'`` and ``'foreground'``
            tell the network the answer; see docs/pgnn.md. Defaults to 'none'.
        fusion (str): how nodes get back into the map: ``'cross'``: every pixel attends to the
            patches of its image; ``'broadcast'``: it gets the node of its patch (the mean, where
            boxes overlap).
        embed_kernel (int): of the convolution F_E before pooling. Defaults to 1.
        zero_init (bool): the layer begins as the identity. Defaults to True.
        center (bool): what is added averages to 0 over the pixels of an image: the graph says
            where and not what, as average pooling does not see it (not of the paper;
            docs/results.md). Defaults to False.

    Raises:
        ValueError: for an unknown option.
    """

    def __init__(self,
                 in_channels: int,
                 num_classes: int,
                 channels: int = 256,
                 num_heads: int = 4,
                 scope: str = 'group',
                 class_embedding: str = 'none',
                 fusion: str = 'cross',
                 embed_kernel: int = 1,
                 zero_init: bool = True,
                 center: bool = False) -> None:
        super().__init__()
        for name, value, known in (('scope', scope, SCOPES), ('fusion', fusion, FUSIONS),
                                   ('class_embedding', class_embedding, CLASS_EMBEDDINGS)):
            if value not in known:
                raise ValueError(f'{name}={value!r} is unknown; use one of {known}')
        if embed_kernel < 1 or embed_kernel % 2 == 0:
            raise ValueError(f'embed_kernel must be odd, got {embed_kernel}')
        self.scope = scope
        self.class_embedding = class_embedding
        self.num_heads = num_heads
        self.center = center
        self.embed = nn.Conv2d(in_channels, channels, embed_kernel, padding=embed_kernel // 2)
        self.classes = None
        if class_embedding != 'none':
            rows = 2 if class_embedding == 'foreground' else num_classes + 1
            self.classes = nn.Embedding(rows, channels)
        self.module = ComplementaryModule(channels, num_heads)
        self.query = self.key_value = None
        if fusion == 'cross':
            self.query = nn.Conv2d(channels, channels, 1)
            self.key_value = nn.Linear(channels, 2 * channels)
        self.out = nn.Linear(channels, in_channels, bias=False)
        if zero_init:
            nn.init.zeros_(self.out.weight)

    def forward(self, x: Tensor, masks: Tensor, group_size: int = 1,
                labels: Optional[Tensor] = None, siblings: Optional[Siblings] = None) -> Tensor:
        """
        Args:
            x (Tensor): (B, D, H, W), group after group.
            masks (Tensor): (B, M, H, W) bool, which pixels are in which patch.
            group_size (int): N, a divisor of B; 1: each image is alone.
            labels (Tensor, optional): (B, M) of :func:`patch_labels`, with a class embedding.
            siblings (Siblings, optional): stand in for the other images of each image's group.

        Returns:
            Tensor: (B, D, H, W).
        """
        return x + self.context(x, masks, group_size, labels, siblings)

    def context(self, x: Tensor, masks: Tensor, group_size: int = 1,
                labels: Optional[Tensor] = None, siblings: Optional[Siblings] = None) -> Tensor:
        """What :meth:`forward` adds; same arguments and shape."""
        embedded = self.embed(x).relu()
        nodes, valid = self.nodes(embedded, masks)
        nodes = self.reason(self.add_classes(nodes, labels), valid, group_size, siblings)
        added = (self._broadcast(nodes, masks) if self.query is None else
                 self._cross(embedded, nodes, valid))
        if self.center:
            added = added - added.mean(dim=(2, 3), keepdim=True)
        return added.to(x.dtype)

    def nodes(self, embedded: Tensor, masks: Tensor) -> Tuple[Tensor, Tensor]:
        """Eq. 1: mean of each patch.

        Returns:
            tuple[Tensor, Tensor]: (B, M, E); (B, M) bool, False for empty patches, whose node
            is 0.
        """
        weight_bmp = masks.flatten(2).to(embedded.dtype)
        sizes_bm = masks.flatten(2).sum(dim=-1)
        weight_bmp = weight_bmp / sizes_bm.clamp(min=1)[..., None].to(embedded.dtype)
        return weight_bmp @ embedded.flatten(2).transpose(1, 2), sizes_bm > 0

    def add_classes(self, nodes: Tensor, labels: Optional[Tensor]) -> Tensor:
        """Eq. 4; without labels every node is background.

        Args:
            nodes (Tensor): (B, M, E).
            labels (Tensor, optional): (B, M).
        """
        if self.classes is None:
            return nodes
        if labels is None:
            labels = torch.zeros(nodes.shape[:2], dtype=torch.long, device=nodes.device)
        return nodes + self.classes(labels).to(nodes.dtype)

    def reason(self, nodes: Tensor, valid: Tensor, group_size: int = 1,
               siblings: Optional[Siblings] = None, return_edges: bool = False):
        """One step on the graph.

        Args:
            nodes (Tensor): (B, M, E), with class embeddings.
            valid (Tensor): (B, M) bool.
            group_size (int), siblings (Siblings, optional): see :meth:`forward`.
            return_edges (bool): also give the edge weights.

        Returns:
            Tensor: (B, M, E); with ``return_edges`` also (G, A, N M, N M), or with siblings
            (B, A, M, M + K): rows look at columns.
        """
        batch, count = nodes.shape[:2]
        if siblings is not None:
            return self._reason_with(siblings, nodes, valid, return_edges)
        grouped = nodes.reshape(batch // group_size, group_size * count, -1)
        image = torch.arange(group_size, device=nodes.device).repeat_interleave(count)
        allowed = allowed_edges(self.scope, image, valid.reshape(grouped.shape[:2]))
        if not return_edges:
            return self.module(grouped, allowed=allowed).reshape(nodes.shape)
        updated, edges = self.module(grouped, allowed=allowed, return_edges=True)
        return updated.reshape(nodes.shape), edges

    def _reason_with(self, siblings: Siblings, nodes: Tensor, valid: Tensor, return_edges: bool):
        count = nodes.shape[1]
        others = torch.cat([nodes, siblings.nodes.to(nodes.dtype)], dim=1)
        image = torch.arange(others.shape[1], device=nodes.device) >= count
        allowed = allowed_edges(self.scope, image, torch.cat([valid, siblings.valid], dim=1))
        return self.module(nodes, others, allowed[:, :count], return_edges)

    def _broadcast(self, nodes: Tensor, masks: Tensor) -> Tensor:
        """The mean of the nodes whose patches have the pixel: (B, D, H, W)."""
        back_bpm = masks.flatten(2).transpose(1, 2).to(nodes.dtype)
        back_bpm = back_bpm / back_bpm.sum(dim=-1, keepdim=True).clamp(min=1)
        context_bpd = back_bpm @ self.out(nodes)
        return context_bpd.transpose(1, 2).unflatten(2, masks.shape[-2:])

    def _cross(self, embedded: Tensor, nodes: Tensor, valid: Tensor) -> Tensor:
        """Every pixel attends to the patches of its image: (B, D, H, W).

        Values are brought to D channels before the sum over nodes: of A M nodes instead of P
        pixels, which are far more. An image without any patch that is not empty gets 0.
        """
        query = self.query(embedded).flatten(2).unflatten(1, (self.num_heads, -1))
        key, value = self.key_value(nodes).unflatten(-1, (2, self.num_heads, -1)).unbind(2)
        scores = query.transpose(2, 3) @ key.permute(0, 2, 3, 1) / key.shape[-1]**0.5  # B A P M
        scores = scores.masked_fill(~valid[:, None, None], torch.finfo(scores.dtype).min)
        weight_bapm = scores.softmax(dim=-1) * valid[:, None, None]
        out_dae = self.out.weight.unflatten(1, (self.num_heads, -1)).to(value.dtype)
        values_bamd = torch.einsum('bmae,dae->bamd', value, out_dae)
        context_bpd = (weight_bapm.transpose(1, 2).flatten(2).to(values_bamd.dtype)
                       @ values_bamd.flatten(1, 2))
        return context_bpd.transpose(1, 2).unflatten(2, embedded.shape[-2:])

    def extra_repr(self) -> str:
        fusion = 'broadcast' if self.query is None else 'cross'
        return (f'scope={self.scope!r}, class_embedding={self.class_embedding!r}, '
                f'fusion={fusion!r}, center={self.center}')


def grid_masks_of(x: Tensor, side: int) -> Tensor:
    """The same even grid for every image of (B, D, H, W): (B, side^2, H, W) bool."""
    masks = grid_masks(*x.shape[-2:], side, device=x.device)
    return masks.expand(len(x), *masks.shape)
