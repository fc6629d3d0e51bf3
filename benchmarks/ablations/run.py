#!/usr/bin/env python
"""Run a grid of experiments and write its table; again, to go on after an interruption.

    python benchmarks/ablations/run.py grm_forms --out work_dirs/ablations --seeds 0 1 2
    python benchmarks/ablations/run.py GRID --out DIR --status | --table | --dry-run

Several of these may share an output folder; --workers starts several. docs/ablations.md.
"""
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# The repository, benchmarks (_seed_tables and others) and its package ``ablations``.
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent)]
os.environ.setdefault('OMP_NUM_THREADS', '1')
os.environ.setdefault('MKL_NUM_THREADS', '1')

from ablations.cli import main  # noqa: E402

if __name__ == '__main__':
    sys.exit(main())
