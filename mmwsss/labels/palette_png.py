"""Label maps as palette PNGs, and the check that a PNG on disk is whole.

H, W: size of the label map.
"""
import contextlib
import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image, UnidentifiedImageError

_SIGNATURE = b'\x89PNG\r\n\x1a\n'


def voc_palette() -> np.ndarray:
    """Colours of PASCAL VOC's masks, for all 256 values.

    Bit k of each colour channel is taken from the class id, three bits a step (VOC devkit,
    ``VOClabelcolormap``). Ids above 20 go on in the same way, so that COCO's 81 classes have
    distinct colours too; 255 is the devkit's cream for "void".

    Returns:
        uint8 array (256, 3), RGB.
    """
    ids = np.arange(256)
    colours = np.zeros((256, 3), np.uint8)
    for step in range(8):
        for channel in range(3):
            bit = (ids >> (3 * step + channel)) & 1
            colours[:, channel] |= (bit << (7 - step)).astype(np.uint8)
    return colours


_PALETTE = voc_palette().tobytes()


def encode_labels(labels: np.ndarray) -> bytes:
    """One label map as the bytes of a palette PNG.

    Args:
        labels: (H, W) uint8.

    Returns:
        PNG, mode P with :func:`voc_palette`.
    """
    if labels.dtype != np.uint8 or labels.ndim != 2:
        raise ValueError(f'labels must be uint8 (H, W), got {labels.dtype} {labels.shape}')
    image = Image.fromarray(labels)
    image.putpalette(_PALETTE)
    buffer = io.BytesIO()
    # Level 3: written three times and read twice as fast as zlib's default, a quarter larger.
    image.save(buffer, format='PNG', compress_level=3)
    return buffer.getvalue()


def decode_labels(data: bytes, name: str) -> np.ndarray:
    """Class ids of a palette or grey PNG.

    Args:
        data: the file's bytes.
        name: what to call the file in errors.

    Returns:
        (H, W) uint8.

    Raises:
        ValueError: not readable, more pixels than PIL opens, or an image with colours instead of
            ids.
    """
    with _readable(name):
        return np.array(_open(data, name), dtype=np.uint8)


def count_values(data: bytes, name: str) -> tuple[tuple[int, int], list[int]]:
    """Size and histogram of a palette or grey PNG, which must be whole.

    Returns:
        (H, W); pixels of each of the 256 values.

    Raises:
        ValueError: cut short, damaged, more pixels than PIL opens, or an image with colours
            instead of ids.
    """
    size = check_png(data, name)
    with _readable(name):
        image = _open(data, name)
        if image.mode == '1':  # PIL counts its ones as 255
            return size, np.bincount(np.array(image).ravel(), minlength=256).tolist()
        return size, image.histogram()


def _open(data: bytes, name: str) -> Image.Image:
    image = Image.open(io.BytesIO(data), formats=('PNG',))
    if image.mode not in ('P', 'L', '1'):
        raise ValueError(f'{name}: mode {image.mode} holds colours, not class ids; '
                         'save label maps as palette or 8-bit grey PNG')
    return image


@contextlib.contextmanager
def _readable(name: str) -> Iterator[None]:
    try:
        yield
    except UnidentifiedImageError:  # its text names an object in memory, another one each time
        raise ValueError(f'{name}: not a readable PNG (no PNG at all)') from None
    except (OSError, SyntaxError, zlib.error, struct.error) as error:
        raise ValueError(f'{name}: not a readable PNG ({error})') from error
    except Image.DecompressionBombError as error:  # no ValueError
        raise ValueError(f'{name}: more pixels than PIL opens ({error}); if the file is right, '
                         'set PIL.Image.MAX_IMAGE_PIXELS') from error


def check_png(data: bytes, name: str) -> tuple[int, int]:
    """Make sure that a PNG is whole (every chunk's checksum, and the end mark) without decoding.

    Returns:
        (H, W) from its header.

    Raises:
        ValueError: cut short or damaged.
    """
    if not data.startswith(_SIGNATURE):
        raise ValueError(f'{name}: not a PNG file ({len(data)} bytes)')
    position, size = len(_SIGNATURE), None
    while position + 12 <= len(data):
        length, kind = struct.unpack_from('>I4s', data, position)
        end = position + 12 + length
        if end > len(data):
            break
        checksum, = struct.unpack_from('>I', data, end - 4)
        if zlib.crc32(memoryview(data)[position + 4:end - 4]) != checksum:
            raise ValueError(f'{name}: chunk {kind!r} is damaged')
        if kind == b'IHDR':
            width, height = struct.unpack_from('>II', data, position + 8)
            size = (height, width)
        if kind == b'IEND' and size is not None:
            return size
        position = end
    raise ValueError(f'{name}: cut short ({len(data)} bytes)')
