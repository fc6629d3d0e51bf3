"""A picture of how the labels of a few images change from version to version."""
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from mmwsss.atomic_files import replacing
from mmwsss.labels.palette_png import voc_palette

_HEIGHT = 96
_GAP = 4
_COLUMN = re.compile(r'column-(\d{6,})\.png')


class LabelStrip:
    """Columns of label maps, one a version, beside the images; rows are images.

    Args:
        folder: where columns are kept, so that versions deleted since stay in the picture.
    """

    def __init__(self, folder):
        self.folder = Path(folder)

    def add(self, version: int, maps: Sequence[np.ndarray]) -> None:
        """Add a column: (H, W) label maps, or for version 0 (H, W, 3) RGB images."""
        self.folder.mkdir(parents=True, exist_ok=True)
        cells = [_cell(values) for values in maps]
        width = max(cell.width for cell in cells)
        column = Image.new('RGB', (width + _GAP, len(cells) * (_HEIGHT + _GAP)), 'white')
        for row, cell in enumerate(cells):
            column.paste(cell, (0, row * (_HEIGHT + _GAP)))
        _save(column, self.folder / f'column-{version:06d}.png')

    def drop_after(self, version: int) -> None:
        """Forget the columns of later versions."""
        for number, path in self._columns():
            if number > version:
                path.unlink()

    def draw(self, path) -> np.ndarray:
        """Write the picture; returns it, (rows, columns, 3) uint8 RGB."""
        columns = []
        for _, file in self._columns():
            with Image.open(file) as image:
                columns.append(np.asarray(image.convert('RGB')))
        picture = np.concatenate(columns, axis=1)
        _save(Image.fromarray(picture), Path(path))
        return picture

    def _columns(self) -> list[tuple[int, Path]]:
        found = [(_COLUMN.fullmatch(path.name), path) for path in self.folder.glob('column-*')]
        return sorted((int(match[1]), path) for match, path in found if match)


def _cell(values: np.ndarray) -> Image.Image:
    colours = values if values.ndim == 3 else voc_palette()[values]
    height, width = values.shape[:2]
    resample = Image.Resampling.BILINEAR if values.ndim == 3 else Image.Resampling.NEAREST
    return Image.fromarray(np.ascontiguousarray(colours, np.uint8)).resize(
        (max(1, round(width * _HEIGHT / height)), _HEIGHT), resample)


def _save(image: Image.Image, path: Path) -> None:
    with replacing(path) as draft:
        image.save(draft, format='PNG')
