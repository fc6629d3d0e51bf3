#!/usr/bin/env python
"""One table of several runs: mean and standard deviation over seeds, paired with a control.

    python benchmarks/summarize_runs.py work_dirs/results --control aspp \
        --classes background cat cow dog horse person sheep

Reads work directories named NAME_sSEED below the given folder, in each the per-class table that
the last validation of the newest log holds. Differences are taken between runs of the same seed;
their error is the standard error over seeds.
"""
import argparse
import math
import re
from pathlib import Path
from statistics import mean, stdev
from typing import Dict, List, Optional

_RUN = re.compile(r'^(?P<name>.+)_s(?P<seed>\d+)$')
_ROW = re.compile(r'^\|\s*([^|]+?)\s*\|\s*([\d.]+|nan)\s*\|')
Runs = Dict[str, Dict[int, Dict[str, float]]]


def read_class_ious(log: str) -> Dict[str, float]:
    """IoU in percent of each class in the last per-class table of a log; classes without any
    pixel (nan) are left out."""
    ious: Dict[str, float] = {}
    for line in log.rpartition('per class results')[2].splitlines():
        row = _ROW.match(line)
        if row and row[2] != 'nan':
            ious[row[1]] = float(row[2])
    return ious


def read_runs(root: Path) -> Runs:
    """Per-class IoUs by name and seed.

    Raises:
        ValueError: for a run without a finished validation, naming it.
    """
    runs: Runs = {}
    for folder in sorted(root.iterdir()):
        found = _RUN.match(folder.name)
        if not found or not folder.is_dir():
            continue
        logs = sorted(folder.glob('*/*.log'))
        ious = read_class_ious(logs[-1].read_text()) if logs else {}
        if not ious:
            raise ValueError(f'{folder} has no validation in its newest log: let the run end '
                             '(tools/train.py ... --resume) or move it away')
        runs.setdefault(found['name'], {})[int(found['seed'])] = ious
    return runs


def mean_iou(ious: Dict[str, float], classes: Optional[List[str]]) -> float:
    """Mean over the given classes (all that are there if None), in percent."""
    return mean(ious[name] for name in classes or ious)


def table(runs: Runs, control: str, classes: Optional[List[str]]) -> List[str]:
    """Markdown rows: runs, all classes, chosen classes, paired difference on the chosen ones.

    Raises:
        ValueError: if there is no run of the control.
    """
    if control not in runs:
        raise ValueError(f'no run of the control {control!r} among {sorted(runs)}')
    rows = ['| run | seeds | mIoU, all | mIoU, chosen | difference ± standard error (each seed) |',
            '|---|---|---|---|---|']
    for name, seeds in runs.items():
        chosen = {seed: mean_iou(ious, classes) for seed, ious in seeds.items()}
        everything = [mean_iou(ious, None) for ious in seeds.values()]
        paired = [chosen[seed] - mean_iou(runs[control][seed], classes)
                  for seed in sorted(set(seeds) & set(runs[control]))]
        rows.append(f'| {name} | {len(seeds)} | {_spread(everything)} | '
                    f'{_spread(list(chosen.values()))} | '
                    f'{"" if name == control else _difference(paired)} |')
    return rows


def _spread(values: List[float]) -> str:
    return f'{mean(values):.2f}' + (f' ± {stdev(values):.2f}' if len(values) > 1 else '')


def _difference(values: List[float]) -> str:
    if not values:
        return 'no common seed'
    error = f' ± {stdev(values) / math.sqrt(len(values)):.2f}' if len(values) > 1 else ''
    return f'{mean(values):+.2f}{error} ({", ".join(f"{v:+.2f}" for v in values)})'


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('root', type=Path, help='folder of the work directories')
    parser.add_argument('--control', required=True, help='name that differences refer to')
    parser.add_argument('--classes', nargs='+', help='classes of the second column')
    args = parser.parse_args()
    print('\n'.join(table(read_runs(args.root), args.control, args.classes)))


if __name__ == '__main__':
    main()
