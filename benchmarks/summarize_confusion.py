#!/usr/bin/env python
"""Where class relations would show: confusion between related classes, and classes that are rare
or occur together.

    python benchmarks/summarize_confusion.py work_dirs/predictions --gt SegmentationClassAug \
        --list val.txt --control aspp --groups chair,sofa,diningtable,tvmonitor cat,dog

Reads the predictions (``tools/test.py --out``) of several runs, folders named NAME_sSEED. Of the
pixels of foreground classes: the share given another foreground class, the share given one of the
three classes that ConceptNet relates most to the true one, and of the former the part that the
latter is; of all pixels, the share given a class that their image does not have. And the mean IoU
of each group of classes. Differences are paired by seed; their error is the standard error.
"""
import argparse
import sys
from pathlib import Path
from typing import Dict, List

ROOT = Path(__file__).resolve().parents[1]
if (ROOT / 'mmwsss').is_dir():
    sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import numpy as np  # noqa: E402
from _label_folders import find_runs, label_ids, read_png  # noqa: E402
from _seed_tables import difference, spread  # noqa: E402

from mmwsss.datasets.classes import VOC_CLASSES  # noqa: E402
from mmwsss.datasets.image_ids import read_image_ids  # noqa: E402
from mmwsss.evaluation.label_quality import count_labels, label_quality  # noqa: E402
from mmwsss.knowledge import ClassGraph  # noqa: E402

LABELS = len(VOC_CLASSES) + 1
RATES = {'wrong class': 'wrong', 'related class': 'related', 'related, % of wrong': 'part',
         'absent class': 'absent'}


def related_classes(relations: np.ndarray, count: int) -> np.ndarray:
    """Which classes are among the ``count`` that each is related to most, itself left out.

    Args:
        relations: (C, C); row = from. Classes without relation are never related.

    Returns:
        (C, C) bool.
    """
    others = np.where(np.eye(len(relations), dtype=bool), 0., relations)
    related = np.zeros(others.shape, dtype=bool)
    best = np.argsort(-others, axis=1, kind='stable')[:, :count]
    np.put_along_axis(related, best, True, axis=1)
    return related & (others > 0)


def rates_of(folder: Path, gt: Path, ids: List[str], related: np.ndarray,
             groups: List[List[int]]) -> Dict[str, float]:
    """Shares in % and, as ``group0``…, mean IoU in % of groups of label ids."""
    counts, absent = np.zeros((LABELS, LABELS + 1), dtype=np.int64), 0
    for image_id in ids:
        image = count_labels(read_png(folder, image_id), read_png(gt, image_id), LABELS)
        given, there = image[:, :LABELS].sum(axis=0), image.sum(axis=1)
        absent += int(given[1:][there[1:] == 0].sum())
        counts += image
    between = counts[1:, 1:LABELS] * ~np.eye(LABELS - 1, dtype=bool)
    foreground, wrong = counts[1:].sum(), between.sum()
    among = (between * related).sum()
    iou = label_quality(counts)['iou']
    return dict(
        wrong=100 * wrong / foreground, related=100 * among / foreground,
        part=100 * among / wrong if wrong else float('nan'), absent=100 * absent / counts.sum(),
        **{f'group{place}': float(np.mean(iou[group])) for place, group in enumerate(groups)})


def table(runs: Dict[str, Dict[int, dict]], control: str, columns: Dict[str, str]) -> List[str]:
    """Markdown rows: each column's mean and, but for the control, its paired difference.

    Raises:
        ValueError: there is no run of the control.
    """
    if control not in runs:
        raise ValueError(f'no run of the control {control!r} among {sorted(runs)}')
    rows = ['| run | seeds | ' + ' | '.join(columns) + ' |', '|---' * (len(columns) + 2) + '|']
    for name, seeds in runs.items():
        cells = []
        for key in columns.values():
            paired = [seeds[seed][key] - runs[control][seed][key]
                      for seed in sorted(set(seeds) & set(runs[control]))]
            change = '' if name == control else f'; {difference(paired)}'
            cells.append(spread([rates[key] for rates in seeds.values()]) + change)
        rows.append(f'| {name} | {len(seeds)} | ' + ' | '.join(cells) + ' |')
    return rows


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('root', type=Path, help='folder of the predictions')
    parser.add_argument('--gt', type=Path, required=True, help='folder of true masks')
    parser.add_argument('--list', type=Path, required=True, help='image ids, one a line')
    parser.add_argument('--control', required=True, help='name that differences refer to')
    parser.add_argument('--groups', nargs='*', default=[], help='classes parted by commas')
    parser.add_argument('--graph', default='voc', help='class graph whose relations count')
    parser.add_argument('--top', type=int, default=3, help='relations of a class that count')
    args = parser.parse_args(argv)
    try:
        groups = [label_ids(group.split(',')) for group in args.groups]
        graph = ClassGraph.load(args.graph).align(VOC_CLASSES)
        related, ids = related_classes(graph.relations, args.top), read_image_ids(str(args.list))
        runs = {name: {seed: rates_of(folder, args.gt, ids, related, groups)
                       for seed, folder in seeds.items()}
                for name, seeds in find_runs(args.root).items()}
        columns = dict(RATES, **{f'IoU {group}': f'group{place}'
                                 for place, group in enumerate(args.groups)})
        print('\n'.join(table(runs, args.control, columns)))
    except (ValueError, FileNotFoundError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    sys.exit(main())
