"""Small pictures as data URLs.

H, W: size of an image. K: maps of an image.
"""
import base64
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from mmwsss.labels.palette_png import voc_palette

SIDE = 320
PALETTE = voc_palette()


def colour(label: int) -> str:
    """The colour of a label in CSS."""
    return '#%02x%02x%02x' % tuple(PALETTE[label])


def photo(image: Image.Image, side: int = SIDE) -> str:
    """An image, made smaller if it is larger than ``side``."""
    return _data_url(_smaller(image, side, Image.Resampling.LANCZOS), 'JPEG', quality=80)


def labels_picture(labels: np.ndarray, side: int = SIDE) -> str:
    """A label map (H, W) uint8 in VOC's colours; values stay what they are when it shrinks."""
    image = Image.fromarray(labels)
    image.putpalette(PALETTE.tobytes())
    return _data_url(_smaller(image, side, Image.Resampling.NEAREST), 'PNG', optimize=True)


def maps_picture(image: Image.Image, values: Sequence[int], maps: np.ndarray,
                 side: int = SIDE) -> str:
    """Activation maps over the image in grey: a pixel takes on the colour of its largest class,
    the more the larger the activation.

    Args:
        image: W x H.
        values: K label values.
        maps: (K, H, W) in [0, 1].
    """
    small = _smaller(image, side, Image.Resampling.LANCZOS)
    grey = np.asarray(small.convert('L').convert('RGB'), np.float32) * 0.75
    if len(values):
        height, width = grey.shape[:2]
        sized = np.stack([np.asarray(Image.fromarray(one).resize(
            (width, height), Image.Resampling.BILINEAR)) for one in maps.astype(np.float32)])
        alpha = sized.max(axis=0)[..., None].clip(0, 1)
        tint = bright_colours()[np.asarray(values)[sized.argmax(axis=0)]]
        grey = grey * (1 - alpha) + tint * alpha
    return _data_url(Image.fromarray(grey.astype(np.uint8)), 'JPEG', quality=80)


def bright_colours() -> np.ndarray:
    """(256, 3) float32: VOC's colours, lighter, to be seen on grey; still all different."""
    return PALETTE.astype(np.float32) * 0.75 + 255 * 0.25


def picture_file(path: Path, side: int) -> dict | None:
    """``url``, ``width``, ``height`` of a picture of a tool, with few colours; None if it cannot
    be read."""
    try:
        with Image.open(path) as image:
            small = _smaller(image.convert('RGB'), side, Image.Resampling.LANCZOS)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    few = small.quantize(128, method=Image.Quantize.MEDIANCUT)
    return dict(url=_data_url(few, 'PNG', optimize=True), width=few.width, height=few.height)


def _smaller(image: Image.Image, side: int, how: Image.Resampling) -> Image.Image:
    scale = side / max(image.size)
    if scale >= 1:
        return image
    return image.resize([max(1, round(length * scale)) for length in image.size], how)


def _data_url(image: Image.Image, kind: str, **options) -> str:
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **options)
    text = base64.b64encode(buffer.getvalue()).decode('ascii')
    return f'data:image/{kind.lower()};base64,{text}'
