"""Where each pixel of an augmented sample comes from, and the way back.

Transforms treat a map of pixel numbers as one more label map, so whatever they do to labels
(crop, scale, flip, pad, rotate), the numbers that come out say which pixels went in.

H, W: size of the original image; h, w: of the augmented sample.
"""
import numpy as np

# Transforms fill with values up to 255 (the ignored label) where there is no image.
_FIRST = 256


def pixel_numbers(height: int, width: int) -> np.ndarray:
    """The map to send through a pipeline: (H, W) int32, each pixel its own number."""
    return np.arange(_FIRST, _FIRST + height * width, dtype=np.int32).reshape(height, width)


def sources(numbers: np.ndarray, size) -> np.ndarray:
    """Flat index into the original of each pixel, −1 outside it.

    Args:
        numbers: what a pipeline made of :func:`pixel_numbers`.
        size: (h, w) of the sample. mmcv's ``Pad`` leaves all but the labels as they are; what is
            missing at the right and the bottom is padding.
    """
    missing = [max(wanted - found, 0) for wanted, found in zip(size, numbers.shape)]
    numbers = np.pad(numbers, [(0, missing[0]), (0, missing[1])])
    return np.where(numbers < _FIRST, -1, numbers.astype(np.int32) - _FIRST)


def compact(source: np.ndarray, width: int):
    """Rows and columns apart, where a map consists of them (all but rotations and the like).

    Args:
        source: (h, w) of :func:`sources`.
        width: W.

    Returns:
        ``(rows (h,), columns (w,))``, int32, −1 outside; or ``source`` itself.
    """
    inside = source >= 0
    if not inside.any():
        return np.full(source.shape[0], -1, np.int32), np.full(source.shape[1], -1, np.int32)
    row, column = inside.any(axis=1).argmax(), inside.any(axis=0).argmax()
    rows = np.where(inside[:, column], source[:, column] // width, -1).astype(np.int32)
    columns = np.where(inside[row], source[row] % width, -1).astype(np.int32)
    whole = np.where((rows[:, None] >= 0) & (columns >= 0), rows[:, None] * width + columns, -1)
    return (rows, columns) if np.array_equal(whole, source) else source


def write_back(values: np.ndarray, coordinates, size) -> tuple[int, int, np.ndarray]:
    """Values of an augmented sample at the pixels of the original that it covers.

    Each covered pixel takes the value of the nearest pixel of the sample; a sample that was
    shrunk covers the pixels between those it kept as well.

    Args:
        values: (h, w), 0 where there is nothing to say.
        coordinates: of :func:`compact`.
        size: (H, W).

    Returns:
        Top row, left column and values (rows, columns) of the covered rectangle; 0 in it where
        a rotated sample has no pixel. Empty if nothing is covered.
    """
    if isinstance(coordinates, tuple):
        top, rows = _places(coordinates[0], size[0])
        left, columns = _places(coordinates[1], size[1])
        return top, left, values[rows[:, None], columns]
    inside = coordinates >= 0
    if not inside.any():
        return 0, 0, values[:0, :0]
    rows, columns = np.divmod(coordinates[inside], size[1])
    top, left = int(rows.min()), int(columns.min())
    patch = np.zeros((rows.max() - top + 1, columns.max() - left + 1), values.dtype)
    patch[rows - top, columns - left] = values[inside]
    return top, left, patch


def _places(source: np.ndarray, length: int) -> tuple[int, np.ndarray]:
    """First covered place of the original in one direction, and where each covered one went."""
    positions = np.flatnonzero(source >= 0)
    if len(positions) == 0:
        return 0, positions
    positions = positions[np.argsort(source[positions], kind='stable')]
    known, first, count = np.unique(source[positions], return_index=True, return_counts=True)
    chosen = positions[first + (count - 1) // 2]  # the middle one of those drawn from one pixel
    reach = int(np.diff(known).max(initial=1)) // 2
    covered = np.arange(max(known[0] - reach, 0), min(known[-1] + reach, length - 1) + 1)
    after = np.searchsorted(known, covered).clip(1, max(len(known) - 1, 1))
    if len(known) == 1:
        return int(covered[0]), np.repeat(chosen, len(covered))
    nearer_before = covered - known[after - 1] <= known[after] - covered
    return int(covered[0]), chosen[np.where(nearer_before, after - 1, after)]
