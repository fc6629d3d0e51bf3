"""Numbers of a run: per-class IoUs of its test, or how good its maps or labels are."""
import math
from functools import lru_cache
from pathlib import Path
from typing import Dict, List

import numpy as np
from _label_folders import label_ids
from summarize_labels import rates_of, summary
from summarize_runs import read_class_ious

from mmwsss.atomic_files import replacing
from mmwsss.datasets.classes import VOC_CLASSES
from mmwsss.datasets.image_ids import read_image_ids
from mmwsss.engine.pipeline.figures import last_loss, read_figures

from .grid import Grid
from .runs import Run, is_store, read_json

RATES = 'rates.npz'


def measure(run: Run, fresh: bool = False) -> dict:
    """``iou`` (class -> %) of a test of scores; ``rates`` (file) and the best
    ``threshold`` of maps and labels (None for these); ``figures``
    (metrics of the logs) and ``loss``.

    Args:
        run: with its commands done.
        fresh: judge maps and labels now; otherwise their file must be there.

    Raises:
        ValueError: the log of the test has no table of classes, or there are no maps.
    """
    found: dict = dict(figures={}, loss=None)
    train = run.folder / 'train'
    if train.is_dir():
        found.update(figures=read_figures(train), loss=last_loss(train))
    if run.entry.kind == 'command':
        found['iou'] = read_json(run.folder / 'scores.json')
        if not found['iou'] and run.entry.name in run.grid.rows:
            raise ValueError(f'{run.name}: its command wrote no {run.folder / "scores.json"}')
    elif run.entry.makes == 'scores':
        found['iou'] = _class_ious(run.folder / 'test')
    if run.judges:
        path = run.folder / RATES
        if fresh or not path.is_file():
            _judge(run, path)
        best = summary(read_rates(run), chosen_ids(run.grid))['threshold']
        found.update(rates=RATES, threshold=None if math.isnan(best) else best)
    return found


def chosen_ids(grid: Grid) -> List[int]:
    """Label ids of the foreground classes of the headline column; all if the grid names none."""
    return label_ids([name for name in grid.classes if name != 'background'] or None)


def read_rates(run: Run) -> Dict[str, np.ndarray]:
    """What :func:`summarize_labels.rates_of` found out about the maps or labels of a run."""
    with np.load(run.folder / RATES) as file:
        rates = {name: file[name] for name in file.files}
    rates['ignored'] = float(rates['ignored'])
    return rates


def _class_ious(folder: Path) -> Dict[str, float]:
    logs = sorted(folder.glob('*/*.log'))
    ious = read_class_ious(logs[-1].read_text()) if logs else {}
    if not ious:
        raise ValueError(f'{folder}: no table of classes in the newest log of tools/test.py')
    return ious


def _judge(run: Run, path: Path) -> None:
    if not is_store(run.output):
        raise ValueError(f'{run.name}: no maps or labels in {run.output}')
    rates = rates_of(run.output, Path(run.grid.gt), list(_ids(run.grid.ids)),
                     len(VOC_CLASSES) + 1)
    with replacing(path) as draft, open(draft, 'wb') as file:
        np.savez_compressed(file, **{name: np.asarray(value) for name, value in rates.items()})


@lru_cache(maxsize=None)
def _ids(path: str) -> tuple:
    return tuple(read_image_ids(path))
