"""Nodes of other images of a class, for groups at inference.

Shape letters: I images, R images asked for, M patches, E channels, Q other images, K = Q M.
"""
import zlib
from typing import List, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from mmwsss.models.layers import Siblings


class NodeBank:
    """Nodes of images before attention and class embedding: all that a group needs of the others.

    With one step on the graph, an image together with nodes of its siblings gets what it would
    get in a batch with them, whatever the sizes of the images.

    Args:
        nodes (dict): image id -> (M, E).
        valid (dict): image id -> (M,) bool.
        classes (dict): image id -> classes in it.
        background_last (bool): whether each image's last node is that of its background (with
            boxes), which is labelled so whatever the class.
    """

    def __init__(self, nodes: Mapping[str, Tensor], valid: Mapping[str, Tensor],
                 classes: Mapping[str, Sequence[int]], background_last: bool = False) -> None:
        self.nodes, self.valid = dict(nodes), dict(valid)
        self.background_last = background_last
        self.members = {}
        for image_id in sorted(classes):
            for c in classes[image_id]:
                self.members.setdefault(int(c), []).append(image_id)

    def choose(self, image_id: str, c: int, count: int, grouping: int) -> List[str]:
        """Other images of class c: the same at every call, others for every grouping; fewer
        where there are not enough."""
        others = [other for other in self.members.get(c, []) if other != image_id]
        seed = [zlib.crc32(str(image_id).encode()), c, grouping]
        order = np.random.default_rng(seed).permutation(len(others))
        return [others[place] for place in order[:count]]

    def siblings(self, ids: Sequence[str], c: int, count: int, grouping: int, graph) -> Siblings:
        """Nodes of ``count`` other images for each of ``ids``, with class c embedded.

        Returns:
            Siblings: nodes (R, K, E), valid (R, K); K = count M.
        """
        device = next(graph.parameters()).device
        template = next(iter(self.nodes.values()))
        nodes = torch.zeros(len(ids), count, *template.shape)
        valid = torch.zeros(len(ids), count, len(template), dtype=torch.bool)
        for row, image_id in enumerate(ids):
            for place, other in enumerate(self.choose(image_id, c, count, grouping)):
                nodes[row, place], valid[row, place] = self.nodes[other], self.valid[other]
        label = 1 if graph.class_embedding == 'foreground' else c + 1
        labels = torch.full(valid.shape, label)
        if self.background_last:
            labels[..., -1] = 0
        nodes, labels = nodes.flatten(1, 2).to(device), labels.flatten(1).to(device)
        return Siblings(graph.add_classes(nodes, labels), valid.flatten(1).to(device))
