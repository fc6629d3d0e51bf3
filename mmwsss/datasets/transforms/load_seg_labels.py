"""Reading label PNGs, with every way they go wrong named."""
import io
from typing import Optional, Tuple

import numpy as np
from mmcv.transforms import BaseTransform
from mmengine import fileio
from mmengine.registry import TRANSFORMS
from PIL import Image, UnidentifiedImageError

from ..classes import IGNORE_LABEL


def read_label(path: str, backend_args: Optional[dict] = None) -> np.ndarray:
    """Read a label image: palette or grey, one value a pixel.

    Args:
        path (str): PNG (or any lossless format) with one channel.
        backend_args (dict, optional): See :func:`mmengine.fileio.get`.

    Returns:
        np.ndarray: (H, W); uint8, or int32 from 16 and 32 bit files.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file cannot be decoded or has colour channels; names the file.
    """
    try:
        data = fileio.get(path, backend_args=backend_args)
    except FileNotFoundError as e:
        raise FileNotFoundError(f'label {path} does not exist') from e
    try:
        with Image.open(io.BytesIO(data)) as image:
            mode = image.mode
            if mode == '1':
                image = image.convert('L').point(lambda v: v // 255)
            values = np.array(image)
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError,
            ValueError) as e:
        raise ValueError(f'label {path} cannot be read as an image ({e}): write it again') from e
    if values.ndim != 2:
        raise ValueError(f'label {path} has mode {mode}: expected one channel with class indices '
                         '(grey or palette PNG), not colours')
    return values if values.dtype == np.uint8 else values.astype(np.int32)


def check_label_values(label: np.ndarray, num_classes: int, path: str) -> None:
    """Raise unless all values of a label are 0..num_classes-1 or 255.

    Raises:
        ValueError: Names the file, the values and how many pixels have them.
    """
    if label.dtype == np.uint8:
        counts = np.bincount(label.ravel(), minlength=256)
        counts[:num_classes] = 0
        counts[IGNORE_LABEL] = 0
        bad = np.flatnonzero(counts)
        pixels = int(counts.sum())
    else:
        outside = label[((label < 0) | (label >= num_classes)) & (label != IGNORE_LABEL)]
        bad, pixels = np.unique(outside), outside.size
    if pixels:
        shown = ', '.join(str(v) for v in bad[:5]) + (', ...' if bad.size > 5 else '')
        raise ValueError(
            f'label {path} holds {shown} in {pixels} pixels, outside 0..{num_classes - 1} and '
            f'{IGNORE_LABEL}: another label set than the data set has ({num_classes} classes)?')


@TRANSFORMS.register_module()
class LoadSegLabels(BaseTransform):
    """Load the semantic labels of an image and check them.

    Like mmseg's ``LoadAnnotations`` for label PNGs, but an unreadable or colour file, a size
    other than the image's, or a value that is no class is an error that names the file, instead of
    a CUDA assertion or a silently wrong loss.

    May stand after a resize of the image, as in test pipelines: labels keep their size, which is
    compared with the image's as loaded.

    An image that comes from no data set (``mmseg.apis``, which gives no ``seg_fields``) passes as
    it is: there is nothing to compare a prediction with.

    Required keys: ``seg_map_path``, ``seg_fields``; ``ori_shape``, ``label_map``,
    ``reduce_zero_label``, ``num_classes`` (if present).
    Added keys: ``gt_seg_map`` (H, W) uint8, its name in ``seg_fields``.

    Args:
        num_classes (int, optional): Values allowed are 0..num_classes-1 and 255. Default: what
            the data set says (``results['num_classes']``; the data sets of this package do).
        backend_args (dict, optional): See :func:`mmengine.fileio.get`.

    Raises:
        ValueError: See above.
    """

    def __init__(self,
                 num_classes: Optional[int] = None,
                 backend_args: Optional[dict] = None) -> None:
        if num_classes is not None and not 1 <= num_classes <= 255:
            raise ValueError(f'num_classes must be 1..255 (255 is the ignore label), got '
                             f'{num_classes}')
        self.num_classes = num_classes
        self.backend_args = backend_args

    def transform(self, results: dict) -> dict:
        path = results.get('seg_map_path')
        if path is None and 'seg_fields' not in results:
            return results
        if path is None:
            raise ValueError(
                f"{results.get('img_path')} has no label path: give the data set "
                'data_prefix.seg_map_path, or take LoadSegLabels out of the pipeline')
        label = read_label(path, self.backend_args)
        if 'ori_shape' in results:
            _check_size(label.shape, results['ori_shape'], path, results.get('img_path'))
        num_classes = self.num_classes or results.get('num_classes')
        reduce_zero_label = results.get('reduce_zero_label', False)
        if num_classes:
            check_label_values(label, num_classes + int(reduce_zero_label), path)
        label = label.astype(np.uint8)
        if reduce_zero_label:
            label = np.where((label == 0) | (label == IGNORE_LABEL), IGNORE_LABEL, label - 1)
        label = _remap(label, results.get('label_map'))
        results['gt_seg_map'] = label.astype(np.uint8)
        results.setdefault('seg_fields', []).append('gt_seg_map')
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(num_classes={self.num_classes})'


def _check_size(label: Tuple[int, int], image: Tuple[int, int], path: str, img_path: str) -> None:
    if tuple(label) == tuple(image):
        return
    hint = ('an EXIF orientation turns the image: load it with '
            "color_type='color_ignore_orientation', or turn its pixels if the label is upright"
            if tuple(label) == tuple(image)[::-1] else
            'make the label again from this image')
    raise ValueError(f'label {path} is {label[1]}x{label[0]} pixels, its image {img_path} '
                     f'{image[1]}x{image[0]} (width x height): {hint}')


def _remap(label: np.ndarray, label_map: Optional[dict]) -> np.ndarray:
    if label_map is None:
        return label
    table = np.arange(256, dtype=np.uint8)
    for old, new in label_map.items():
        table[old] = new
    return table[label]
