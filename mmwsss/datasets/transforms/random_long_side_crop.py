"""The published augmentation of CAM classifiers: random size, then a square at a random place.

Source: ReCAM and IRN (reference code of grm.txt's stage 1): longer side uniform in 320 to 640,
bicubic; a 512 x 512 window that is either a crop or holds the whole image at a random place.
"""
import random
from typing import Sequence, Tuple

import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.registry import TRANSFORMS
from PIL import Image


@TRANSFORMS.register_module()
class RandomLongSideCrop(BaseTransform):
    """Resize to a random longer side, then cut or pad to a square at a random place.

    In each direction where the image is larger than the square, a random part is cut out; where
    it is smaller, it is put at a random place between padding.

    Required keys: ``img`` (H, W, 3) uint8. Modified keys: ``img``, ``img_shape``. Added keys:
    ``resized_shape``, (height, width) before the cut, and ``crop_offset``: where the resized
    image's top left corner lies in the square, (y, x), negative where it was cut off. With them
    among ``meta_keys`` of ``PackInputs``, :class:`CropGeometry` leads back to the image.

    Args:
        long_side (tuple of int): smallest and largest longer side, both included.
        crop_size (int): side of the square.
        pad_value (sequence of float): value of the padding a channel, in the order of ``img``
            (BGR); the mean of the data preprocessor makes it 0 after normalisation, as published.
    """

    def __init__(self,
                 long_side: Tuple[int, int] = (320, 640),
                 crop_size: int = 512,
                 pad_value: Sequence[float] = (104, 116, 124)) -> None:
        if not 1 <= long_side[0] <= long_side[1] or crop_size < 1:
            raise ValueError('long_side must be (smallest, largest) >= 1 and crop_size >= 1, got '
                             f'{tuple(long_side)} and {crop_size}')
        self.long_side = tuple(long_side)
        self.crop_size = crop_size
        self.pad_value = tuple(round(value) for value in pad_value)

    def transform(self, results: dict) -> dict:
        image = _resize_long_side(results['img'], random.randint(*self.long_side))
        square = np.empty((self.crop_size, self.crop_size, 3), np.uint8)
        square[:] = self.pad_value
        from_rows, to_rows = self._place(image.shape[0])
        from_columns, to_columns = self._place(image.shape[1])
        square[to_rows, to_columns] = image[from_rows, from_columns]
        results['img'] = square
        results['img_shape'] = square.shape[:2]
        results['resized_shape'] = image.shape[:2]
        results['crop_offset'] = (to_rows.start - from_rows.start,
                                  to_columns.start - from_columns.start)
        return results

    def _place(self, length: int) -> Tuple[slice, slice]:
        """In one direction: which part of the image goes to which part of the square."""
        offset = random.randint(0, abs(length - self.crop_size))
        kept = min(length, self.crop_size)
        part, whole = slice(offset, offset + kept), slice(0, kept)
        return (part, whole) if length > self.crop_size else (whole, part)

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(long_side={self.long_side}, crop_size={self.crop_size}, '
                f'pad_value={self.pad_value})')


def _resize_long_side(image: np.ndarray, long_side: int) -> np.ndarray:
    height, width = image.shape[:2]
    factor = long_side / max(height, width)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))
