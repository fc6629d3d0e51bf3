"""Reading images of any kind as 8-bit colour, with every way they go wrong named."""
import io
from typing import Optional

import numpy as np
from mmcv.transforms import BaseTransform
from mmengine import fileio
from mmengine.registry import TRANSFORMS
from PIL import Image

_SIXTEEN_BIT = ('I', 'I;16', 'I;16B', 'I;16L', 'I;16N')


class UnreadableImageError(ValueError):
    """A file is no image, or cannot be decoded to its end."""


def read_image(path: str, backend_args: Optional[dict] = None) -> np.ndarray:
    """Read an image as 8-bit BGR, whatever its mode.

    Grey, palette, CMYK and 16-bit images are converted (16-bit by its upper 8 bits, where other
    readers clip to white); transparency is dropped. An EXIF orientation is not applied: label
    maps of the data sets here do not know it either.

    Args:
        path (str): any format that PIL reads.
        backend_args (dict, optional): see :func:`mmengine.fileio.get`.

    Returns:
        np.ndarray: (H, W, 3) uint8, BGR as elsewhere in OpenMMLab.

    Raises:
        FileNotFoundError: if there is no such file.
        UnreadableImageError: if it cannot be decoded to its end; names the file.
    """
    try:
        data = fileio.get(path, backend_args=backend_args)
    except FileNotFoundError as error:
        raise FileNotFoundError(f'image {path} does not exist') from error
    try:
        with Image.open(io.BytesIO(data)) as image:
            rgb = np.asarray(_to_rgb(image))
    except Exception as error:  # decoders answer damaged files with almost any of them
        raise UnreadableImageError(
            f'image {path} cannot be read ({type(error).__name__}: {error}): replace it, or take '
            'it out of the list') from error
    return np.ascontiguousarray(rgb[:, :, ::-1])


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in _SIXTEEN_BIT:
        values = np.asarray(image).astype(np.int64)
        return Image.fromarray((values >> 8).clip(0, 255).astype(np.uint8)).convert('RGB')
    if image.mode == 'F':
        raise ValueError('floating point values have no defined range')
    return image.convert('RGB')


@TRANSFORMS.register_module()
class LoadAnyImage(BaseTransform):
    """Load an image with :func:`read_image`: a broken or unusual file never passes silently.

    Required keys: ``img_path``. Added keys: ``img`` (H, W, 3) uint8 BGR, ``img_shape``,
    ``ori_shape``.

    Args:
        backend_args (dict, optional): see :func:`mmengine.fileio.get`.
    """

    def __init__(self, backend_args: Optional[dict] = None) -> None:
        self.backend_args = backend_args

    def transform(self, results: dict) -> dict:
        results['img'] = read_image(results['img_path'], self.backend_args)
        results['img_shape'] = results['ori_shape'] = results['img'].shape[:2]
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'
