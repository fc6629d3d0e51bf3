#!/usr/bin/env python
"""One table of several runs: mean and standard deviation over seeds, paired with a control.

    python benchmarks/summarize_runs.py work_dirs/results --control aspp \
        --classes background cat cow dog horse person sheep

Reads work directories named NAME_sSEED below the given folder, in each the per-class table that
the last validation of the newest log holds. Differences are taken between runs of the same seed;
their error is the standard error over seeds.
"""
import argparse
import re
import sys
from pathlib import Path
from statistics import mean
from typing import Dict, List, Optional

sys.path.insert(0, str(Path(__file__).resolve().parent))

from _seed_tables import RUN_NAME, difference, spread  # noqa: E402

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
        found = RUN_NAME.match(folder.name)
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
        rows.append(f'| {name} | {len(seeds)} | {spread(everything)} | '
                    f'{spread(list(chosen.values()))} | '
                    f'{"" if name == control else difference(paired)} |')
    return rows


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
