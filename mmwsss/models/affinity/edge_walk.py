"""Stored activation maps spread by the random walk over the edges of their images.

K: classes in an image, H, W: size of an image, h, w: of a map at stride 4.
"""
from typing import List, Optional, Sequence, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor

from mmwsss.labels import ActivationStore, propagate, stored_maps

from .edge_branch import STRIDE, map_size


class EdgeWalk:
    """Reads the maps of images from a store and walks them: IRN's ``make_sem_seg_labels``.

    Args:
        store (str): folder of an :class:`mmwsss.labels.ActivationStore`; opened at first use.
        radius (float): 5 in IRN, see :func:`mmwsss.labels.propagate`.
        beta (float): 10 in IRN.
        steps (int): 256 in IRN.
        full_size (bool): give maps at the size of the image, as IRN thresholds them. False: at
            stride 4. Defaults to True.
        suppress_edges (bool): start from maps × (1 − edge), as IRN. Defaults to True.

    Raises:
        ValueError: senseless parameters.
    """

    def __init__(self, store: str, radius: float = 5, beta: float = 10, steps: int = 256,
                 full_size: bool = True, suppress_edges: bool = True) -> None:
        if not (radius > 0 and beta > 0 and steps >= 0 and steps == int(steps)):
            raise ValueError('the walk needs radius > 0, beta > 0 and whole steps >= 0, got '
                             f'radius={radius}, beta={beta}, steps={steps}')
        self.folder = store
        self.radius, self.beta, self.steps = radius, beta, int(steps)
        self.full_size = full_size
        self.suppress_edges = suppress_edges
        self._store: Optional[ActivationStore] = None

    @property
    def store(self) -> ActivationStore:
        """The store of activation maps.

        Raises:
            FileNotFoundError: there is none in that folder.
        """
        if self._store is None:
            self._store = ActivationStore(self.folder)
        return self._store

    def class_problems(self, classes: Sequence[str]) -> List[str]:
        """A message if there is a store and its classes are not ``classes``, in this order."""
        if self._store is None and not ActivationStore.exists(self.folder):
            return []  # none is needed for training
        return stored_maps.class_problems(self.store, classes, 'model.walk.store')

    def check_images(self, ids: Sequence[str]) -> None:
        """Raise ``ValueError`` if the store lacks maps of some of these images."""
        stored_maps.check_images(self.store, ids)

    def maps_source(self) -> dict:
        """What walked maps depend on, but for the network."""
        source = dict(radius=self.radius, beta=self.beta, steps=self.steps,
                      full_size=self.full_size, start=stored_maps.maps_source(self.store))
        # Named only where it differs, so that labels made before it was an option stay theirs.
        return source if self.suppress_edges else dict(source, suppress_edges=False)

    def start(self, image_id: str, image_size: Sequence[int], input_size: Sequence[int]
              ) -> Tuple[List[int], Tensor]:
        """Classes and maps of one image at stride 4 of what the network saw.

        Args:
            image_id (str): which image.
            image_size: (H, W) of its file.
            input_size: (H, W) of the network's input, another one if the pipeline resizes.

        Returns:
            K class indices; (K, h, w) float32 on the CPU.

        Raises:
            ValueError: the image is not in the store, or was of another size when stored.
        """
        classes, maps, stored_size = self.store.read_stored(image_id)
        if tuple(stored_size) != tuple(image_size):
            raise ValueError(
                f'{image_id!r}: {self.folder} holds maps of an image of {tuple(stored_size)} '
                f'(H, W), but this one is {tuple(image_size)}: extract the maps of this data set')
        if self.store.stride != STRIDE or tuple(input_size) != tuple(image_size):
            classes, maps = self.store.read(image_id, map_size(input_size))
        return classes, maps

    def __call__(self, edges: Tensor, maps: Sequence[Tensor], input_size: Sequence[int],
                 image_sizes: Sequence[Sequence[int]]) -> List[Tensor]:
        """Walk the maps of images of one input size together.

        Args:
            edges: (B, h, w) in [0, 1]; the walk is done on its device.
            maps: B times (K_b, h, w), values >= 0; K_b may differ and be 0.
            input_size: (H, W) of the network's input.
            image_sizes: B times (H, W), the sizes to come back to.

        Returns:
            B times (K_b, H, W), or (K_b, h, w) without ``full_size``: over the largest value of
            all classes of the image, so 0 to 1.
        """
        most = max(len(maps_khw) for maps_khw in maps)
        if most == 0:
            walked = edges.new_zeros(len(maps), 0, *edges.shape[1:])
        else:  # images with fewer classes get blank maps, which stay blank
            start = edges.new_zeros(len(maps), most, *edges.shape[1:])
            for place, maps_khw in zip(start, maps):
                place[:len(maps_khw)] = maps_khw
            walked = propagate(start, edges, self.radius, self.beta, self.steps,
                               self.suppress_edges)
        return [self._finish(walked_khw[:len(maps_khw)], input_size, image_size)
                for walked_khw, maps_khw, image_size in zip(walked, maps, image_sizes)]

    def _finish(self, maps: Tensor, input_size: Sequence[int], image_size: Sequence[int]
                ) -> Tensor:
        if self.full_size:
            maps = _at_image_size(maps, input_size, image_size)
        if len(maps) == 0:
            return maps
        return maps / maps.max().clamp(min=torch.finfo(maps.dtype).tiny)


def _at_image_size(maps: Tensor, input_size: Sequence[int], image_size: Sequence[int]) -> Tensor:
    """(K, h, w) -> (K, H, W): enlarged 4 times and cut, as IRN does it."""
    if len(maps) == 0:
        return maps.new_zeros(0, *image_size)
    height, width = input_size
    maps = F.interpolate(maps[None], scale_factor=STRIDE, mode='bilinear')[..., :height, :width]
    if tuple(input_size) != tuple(image_size):
        maps = F.interpolate(maps, tuple(image_size), mode='bilinear')
    return maps[0]
