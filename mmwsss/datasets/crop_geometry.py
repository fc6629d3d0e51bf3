"""Where a resized, cut and mirrored sample lies in its image: for boxes and maps, both ways.

Coordinates are continuous: pixel i reaches from i to i + 1.
Shape letters: K maps, h, w map size, H, W size of the image, S side of the sample.
"""
from dataclasses import dataclass
from typing import Any, Mapping, Sequence, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor

META_KEYS = ('sample_idx', 'img_path', 'image_id', 'ori_shape', 'img_shape', 'resized_shape',
             'crop_offset', 'flip', 'flip_direction')
_DIRECTIONS = {'horizontal': (False, True), 'vertical': (True, False), 'diagonal': (True, True)}


@dataclass(frozen=True)
class CropGeometry:
    """Height before width, everywhere.

    Args:
        image (tuple): size of the image.
        resized (tuple): its size before the cut.
        offset (tuple): where its top left corner lies in the sample before mirroring.
        sample (tuple): size of the sample.
        flipped (tuple of bool): mirrored top to bottom, left to right.
    """

    image: Tuple[int, int]
    resized: Tuple[int, int]
    offset: Tuple[int, int]
    sample: Tuple[int, int]
    flipped: Tuple[bool, bool] = (False, False)

    @classmethod
    def of(cls, metainfo: Mapping[str, Any]) -> 'CropGeometry':
        """From a data sample's meta information.

        Raises:
            ValueError: if the pipeline has recorded no geometry; says what to change.
        """
        lacking = [key for key in ('ori_shape', 'img_shape', 'resized_shape', 'crop_offset')
                   if key not in metainfo]
        if lacking:
            raise ValueError(
                f'{metainfo.get("img_path", "a sample")} does not say where it lies in its image '
                f'({", ".join(lacking)} missing): augment with RandomLongSideCrop, and set '
                f'meta_keys={META_KEYS} of PackInputs')
        flipped = (False, False)
        if metainfo.get('flip'):
            flipped = _DIRECTIONS[metainfo['flip_direction']]
        sizes = (metainfo[key] for key in ('ori_shape', 'resized_shape', 'crop_offset',
                                           'img_shape'))
        return cls(*(tuple(int(n) for n in size[:2]) for size in sizes), flipped)

    @classmethod
    def whole(cls, image: Sequence[int], sample: Sequence[int],
              flipped: bool = False) -> 'CropGeometry':
        """Of an image that was only resized, and maybe mirrored left to right."""
        return cls(tuple(image), tuple(sample), (0, 0), tuple(sample), (False, flipped))

    def _line(self, axis: int) -> Tuple[float, float]:
        """Slope and intercept of u = a x + b: place in the image -> in the sample."""
        slope, intercept = self.resized[axis] / self.image[axis], float(self.offset[axis])
        if self.flipped[axis]:
            return -slope, self.sample[axis] - intercept
        return slope, intercept

    def to_sample(self, places: Tensor, axis: int) -> Tensor:
        """Places in the image -> in the sample (inside it: 0 to S)."""
        slope, intercept = self._line(axis)
        return slope * places + intercept

    def to_image(self, places: Tensor, axis: int) -> Tensor:
        """Places in the sample -> in the image (inside it: 0 to H or W)."""
        slope, intercept = self._line(axis)
        return (places - intercept) / slope

    def boxes_to_sample(self, boxes: Tensor) -> Tensor:
        """Boxes (K, 4), left, top, right, bottom in the image -> in the sample, cut at its
        edges; those outside become empty."""
        columns = self.to_sample(boxes[:, 0::2].float(), 1).clamp(0, self.sample[1])
        rows = self.to_sample(boxes[:, 1::2].float(), 0).clamp(0, self.sample[0])
        columns, rows = columns.sort(dim=1).values, rows.sort(dim=1).values
        return torch.stack([columns[:, 0], rows[:, 0], columns[:, 1], rows[:, 1]], dim=1)

    def maps_to_sample(self, maps: Tensor, stride: int, cell: int) -> Tensor:
        """Maps of the image -> what the sample sees of them.

        Args:
            maps (Tensor): (K, ceil(H / stride), ceil(W / stride)).
            stride (int): pixels of the image a value.
            cell (int): pixels of the sample a value of the result.

        Returns:
            Tensor: (K, ceil(S / cell), ceil(S / cell)), bilinear; 0 outside the image.
        """
        places, inside = [], []
        for axis in (0, 1):
            centres = _centres(self.sample[axis], cell)
            place = self.to_image(centres, axis)
            places.append(place)
            inside.append((place >= 0) & (place < self.image[axis]))
        return _at(maps, places, stride) * (inside[0][:, None] & inside[1])

    def maps_to_image(self, maps: Tensor, cell: Sequence[float],
                      stride: int) -> Tuple[Tensor, Tensor]:
        """Maps of the sample -> of the image, as far as it is covered.

        Args:
            maps (Tensor): (K, h, w).
            cell (sequence of float): pixels of the sample a value, (y, x).
            stride (int): pixels of the image a value of the result.

        Returns:
            tuple[Tensor, Tensor]: (K, ceil(H / stride), ceil(W / stride)), bilinear; where it is
            covered, (ceil(H / stride), ceil(W / stride)) bool.
        """
        places, inside = [], []
        for axis in (0, 1):
            place = self.to_sample(_centres(self.image[axis], stride), axis)
            places.append(place)
            inside.append((place >= 0) & (place < self.sample[axis]))
        covered = inside[0][:, None] & inside[1]
        return _at(maps, places, cell) * covered, covered


def _centres(length: int, cell: int) -> Tensor:
    """Centres of the cells of a line; the last may be cut off by its end."""
    low = torch.arange(0, length, cell, dtype=torch.float32)
    return (low + (low + cell).clamp(max=length)) / 2


def _at(maps: Tensor, places: Sequence[Tensor], cell) -> Tensor:
    """Bilinear values of maps (K, h, w) at rows x columns, given in pixels."""
    cells = (cell, cell) if isinstance(cell, (int, float)) else cell
    rows, columns = (2 * place / (size * length) - 1
                     for place, size, length in zip(places, cells, maps.shape[1:]))
    grid = torch.stack(torch.meshgrid(columns, rows, indexing='xy'), dim=-1)
    if not len(maps):
        return maps.new_zeros(0, *grid.shape[:2])
    return F.grid_sample(maps[None].float(), grid[None], mode='bilinear', padding_mode='border',
                         align_corners=False)[0]
