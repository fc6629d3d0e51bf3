"""Folders of label maps of several runs and seeds: what the summaries of them share."""
from pathlib import Path
from typing import Dict, List, Optional

import numpy as np
from _seed_tables import RUN_NAME

from mmwsss.datasets.classes import VOC_CLASSES
from mmwsss.labels.palette_png import decode_labels


def find_runs(root: Path) -> Dict[str, Dict[int, Path]]:
    """Folders NAME_sSEED by name and seed.

    Raises:
        ValueError: there is none.
    """
    runs: Dict[str, Dict[int, Path]] = {}
    for folder in sorted(root.iterdir()):
        found = RUN_NAME.match(folder.name)
        if found and folder.is_dir():
            runs.setdefault(found['name'], {})[int(found['seed'])] = folder
    if not runs:
        raise ValueError(f'{root} has no folder named NAME_sSEED')
    return runs


def label_ids(names: Optional[List[str]]) -> List[int]:
    """Label ids of VOC classes by name; all 20 for None.

    Raises:
        ValueError: for a name that is not a VOC class.
    """
    unknown = sorted(set(names or ()) - set(VOC_CLASSES))
    if unknown:
        raise ValueError(f'--classes: {unknown} are not among {list(VOC_CLASSES)}')
    return [VOC_CLASSES.index(name) + 1 for name in names or VOC_CLASSES]


def read_png(folder: Path, image_id: str) -> np.ndarray:
    """Label map of an image, (H, W) uint8.

    Raises:
        ValueError: there is no file of that image, or it is no label map.
    """
    path = folder / f'{image_id}.png'
    if not path.is_file():
        raise ValueError(f'{path}: no such file, but the list names {image_id!r}')
    return decode_labels(path.read_bytes(), str(path))
