#!/usr/bin/env python
"""One table of activation maps or pseudo labels of several runs: mean and deviation over seeds.

    python benchmarks/summarize_labels.py work_dirs/maps --gt SegmentationClassAug \
        --list train.txt --control cam --classes cat cow dog horse person sheep

Reads the stores of activation maps, label stores and folders of label PNGs that are named
NAME_sSEED below the given folder. Background and ``--classes`` are averaged in mIoU, ``--classes``
alone in precision and recall; ignored pixels count as missed in recall. Activation maps are judged
at the background threshold with the best mIoU of the run, and besides at equal precision: the
highest recall at the precision of the control of the same seed. Differences are paired by seed;
their error is the standard error over seeds.
"""
import argparse
import math
import sys
from pathlib import Path
from typing import Dict, List, Optional

ROOT = Path(__file__).resolve().parents[1]
if (ROOT / 'mmwsss').is_dir():
    sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import numpy as np  # noqa: E402
from _label_folders import find_runs, label_ids, read_png  # noqa: E402
from _seed_tables import difference, spread  # noqa: E402

from mmwsss.datasets.classes import VOC_CLASSES  # noqa: E402
from mmwsss.datasets.image_ids import read_image_ids  # noqa: E402
from mmwsss.evaluation.label_quality import (  # noqa: E402
    THRESHOLDS,
    ThresholdCurve,
    count_labels,
    label_quality,
)
from mmwsss.labels import ActivationStore, LabelStore, kind_of_store  # noqa: E402

RATES = ('iou', 'precision', 'recall')


def rates_of(folder: Path, gt: Path, ids: List[str], num_classes: int) -> dict:
    """Per-class rates in %: arrays (T, C), T = 256 thresholds for maps and 1 for labels; and
    ``ignored``, the share of ignored pixels in %.

    Raises:
        ValueError: labels, maps or masks are missing or damaged, or of other sizes.
    """
    kind = kind_of_store(folder)
    if kind == 'activations':
        curve = _curve(ActivationStore(folder), gt, ids, num_classes)
        rows = [curve.quality(index) for index in range(THRESHOLDS)]
    else:
        store = LabelStore(folder) if kind == 'labels' else folder
        counts = sum(count_labels(_labels(store, image_id), read_png(gt, image_id), num_classes)
                     for image_id in ids)
        rows = [label_quality(counts)]
    return dict({name: np.stack([row[name] for row in rows]) for name in RATES},
                ignored=rows[0]['ignored'])


def _curve(store: ActivationStore, gt: Path, ids: List[str], num_classes: int) -> ThresholdCurve:
    curve = ThresholdCurve(num_classes)
    for image_id in ids:
        truth = read_png(gt, image_id)
        classes, maps = store.read(image_id)
        if maps.shape[1:] != truth.shape:  # any maps could be enlarged to any mask
            raise ValueError(f'{image_id}: maps in {store.root} are of an image of '
                             f'{tuple(maps.shape[1:])} (H, W), the mask in {gt} is {truth.shape}: '
                             'masks of other images, or of turned or resized ones; name the right '
                             'folder by --gt')
        curve.update(maps.clamp(0, 1).numpy(), [label + 1 for label in classes], truth)
    return curve


def _labels(store, image_id: str) -> np.ndarray:
    return store.read(image_id) if isinstance(store, LabelStore) else read_png(store, image_id)


def summary(rates: dict, chosen: List[int], control: Optional[dict] = None) -> dict:
    """Means over classes at the best threshold.

    Args:
        rates: see :func:`rates_of`.
        chosen: label ids of the foreground classes that count.
        control: summary of the control, whose precision ``recall_at`` is taken at.

    Returns:
        ``miou``, ``miou_all``, ``precision``, ``recall``, ``ignored`` in %, ``threshold`` (NaN
        for labels), ``recall_at`` (NaN for labels, or if no threshold is as precise).
    """
    miou = rates['iou'][:, [0, *chosen]].mean(axis=1)
    precision, recall = (rates[name][:, chosen].mean(axis=1) for name in RATES[1:])
    best = int(np.nanargmax(miou))
    is_curve = len(miou) > 1
    result = dict(
        miou=miou[best], miou_all=np.nanmean(rates['iou'][best]), precision=precision[best],
        recall=recall[best], ignored=rates['ignored'],
        threshold=best / (THRESHOLDS - 1) if is_curve else math.nan, recall_at=math.nan)
    precise = precision >= (control or result)['precision']
    if is_curve and precise.any():
        result['recall_at'] = recall[precise].max()
    return {name: float(value) for name, value in result.items()}


def table(runs: Dict[str, Dict[int, dict]], control: str, chosen: List[int]) -> List[str]:
    """Markdown rows of ``runs[name][seed]``, as :func:`rates_of` gives them.

    Raises:
        ValueError: there is no run of the control.
    """
    if control not in runs:
        raise ValueError(f'no run of the control {control!r} among {sorted(runs)}')
    base = {seed: summary(rates, chosen) for seed, rates in runs[control].items()}
    rows = ['| run | seeds | mIoU, chosen | difference ± standard error (each seed) | precision | '
            'recall | recall at equal precision | threshold | ignored | mIoU, all |',
            '|---|---|---|---|---|---|---|---|---|---|']
    for name, seeds in runs.items():
        rated = {seed: summary(rates, chosen, base.get(seed)) for seed, rates in seeds.items()}
        paired = [rated[seed]['miou'] - base[seed]['miou'] for seed in sorted(rated)
                  if seed in base]
        cells = [spread([row[key] for row in rated.values()]) for key in
                 ('miou', 'precision', 'recall', 'recall_at', 'threshold', 'ignored', 'miou_all')]
        change = '' if name == control else difference(paired)
        rows.append(f'| {name} | {len(seeds)} | {cells[0]} | {change} | '
                    + ' | '.join(cells[1:]) + ' |')
    return rows


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('root', type=Path, help='folder of the stores')
    parser.add_argument('--gt', type=Path, required=True, help='folder of true masks')
    parser.add_argument('--list', type=Path, required=True, help='image ids, one a line')
    parser.add_argument('--control', required=True, help='name that differences refer to')
    parser.add_argument('--classes', nargs='+', help='foreground classes that count')
    args = parser.parse_args(argv)
    try:
        chosen, ids = label_ids(args.classes), read_image_ids(str(args.list))
        runs = {name: {seed: rates_of(folder, args.gt, ids, len(VOC_CLASSES) + 1)
                       for seed, folder in seeds.items()}
                for name, seeds in find_runs(args.root).items()}
        print('\n'.join(table(runs, args.control, chosen)))
    except ValueError as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    sys.exit(main())
