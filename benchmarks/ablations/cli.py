"""Command line: run a grid, show its state, write its table."""
import argparse
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import List, Sequence

from mmengine.config import DictAction
from mmengine.logging import MMLogger

from mmwsss.engine.pipeline.machine import git_commit

from . import tables
from .claims import Claims
from .grid import Grid, read_grid
from .provenance import outdated
from .runs import ROOT, Run, all_runs
from .worker import work_through

SCRIPT = Path(__file__).resolve().parent / 'run.py'


def parse_args(argv=None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('grid', help='a grid file, or the name of one in ablations/grids')
    parser.add_argument('--out', type=Path, required=True,
                        help='of runs and tables; may be shared by grids and by processes')
    parser.add_argument('--seeds', type=int, nargs='+', help="default: the grid's")
    parser.add_argument('--entries', nargs='+', help='only these, and what they need')
    parser.add_argument('--workers', type=int, default=1, help='processes')
    parser.add_argument('--given', nargs='+', default=[], metavar='ENTRY=PATH',
                        help='maps or labels that are there already; PATH with {seed}')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={},
                        metavar='KEY=VALUE', help='for all entries, e.g. for a short trial')
    parser.add_argument('--allow-mixed', action='store_true',
                        help='one table of runs of different code or configs')
    parser.add_argument('--redo', action='store_true',
                        help='set aside runs of other code or config and do them again')
    parser.add_argument('--dry-run', action='store_true', help='show the commands only')
    parser.add_argument('--status', action='store_true', help='show what is done only')
    parser.add_argument('--table', action='store_true', help='write the table only')
    parser.add_argument('--since', type=float, default=None, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    args.out = args.out.expanduser().resolve()
    wrong = [text for text in args.given if '=' not in text]
    if wrong:
        parser.error(f'--given {wrong[0]}: write ENTRY=PATH')
    args.given = dict(text.split('=', 1) for text in args.given)
    return args


def main(argv=None) -> int:
    """Exit code: 0 all done, 1 some runs failed, 2 a wrong argument or a mixture of runs."""
    args = parse_args(argv)
    # It says which environment variables it reads, for each of hundreds of configs.
    MMLogger.get_current_instance().setLevel('WARNING')
    try:
        grid = read_grid(args.grid, args.given, args.cfg_options)
        return _run(args, grid)
    except ValueError as error:
        print(f'error: {error}', file=sys.stderr)
        return 2


def _run(args: argparse.Namespace, grid: Grid) -> int:
    unknown = sorted(set(args.entries or ()) - set(grid.entries))
    if unknown:
        raise ValueError(f'--entries {unknown}: there are {", ".join(grid.entries)}')
    seeds = args.seeds or list(grid.seeds)
    runs = all_runs(grid, seeds, args.out, args.entries)
    if args.dry_run:
        print('\n'.join(commands(runs)))
        return 0
    if args.status:
        print('\n'.join(status(runs)))
        return 0
    if args.table:
        return _table(args, grid, seeds)
    if args.since is not None:  # one of several workers
        return 1 if work_through(runs, args.since, _say, args.allow_mixed) else 0
    _settle_outdated(runs, args)
    failed = _work(runs, args)
    _table(args, grid, seeds)
    for name, reason in failed.items():
        print(f'{name}: {reason}', file=sys.stderr)
    return 1 if failed else 0


def _settle_outdated(runs: Sequence[Run], args: argparse.Namespace) -> None:
    """Before hours of work: runs that could not be in one table with the new ones."""
    old = outdated(runs)
    claims = Claims(args.out / 'claims')
    if old and args.redo:
        for run in old:
            with claims.claim(run.name) as mine:
                if not mine:
                    raise ValueError(f'--redo: {run.name} is being run by another process')
                aside = args.out / 'aside' / f'{run.name}.{int(time.time())}'
                aside.parent.mkdir(parents=True, exist_ok=True)
                os.rename(run.folder, aside)
                print(f'{run.name}: set aside in {aside}')
    elif old and not args.allow_mixed:
        raise ValueError(
            f'of other code, config or MMWSSS_* variables than now (commit {git_commit(ROOT)}): '
            f'{", ".join(run.name for run in old)}; --redo sets them aside and does them again, '
            '--allow-mixed keeps them')


def _work(runs: List[Run], args: argparse.Namespace) -> dict:
    since = time.time()
    if args.workers > 1:
        words = [word for word in sys.argv[1:] if word != '--redo']
        workers = [subprocess.Popen([sys.executable, str(SCRIPT), *words, '--since', str(since)])
                   for _ in range(args.workers)]
        try:
            for worker in workers:
                worker.wait()
        except BaseException:
            for worker in workers:
                worker.terminate()
            raise
    # What the workers could not do fails here for the same reason, without a second try.
    return work_through(runs, since, _say, args.allow_mixed)


def _table(args: argparse.Namespace, grid: Grid, seeds: Sequence[int]) -> int:
    path = tables.write(tables.table(grid, seeds, args.out, args.allow_mixed),
                        args.out / 'tables')
    print(path.read_text(), end='')
    print(f'\n{path} and {path.with_suffix(".json")}')
    return 0


def commands(runs: Sequence[Run]) -> List[str]:
    """Everything that would be run, as a shell would take it; resolves all configs, too."""
    lines = []
    for run in runs:
        run.recipe()
        run.check_given()
        lines += [f'{run.name}: ' + (shlex.join(step.command) if step.command
                                     else f'judge {run.output}') for step in run.steps]
    return lines


def status(runs: Sequence[Run]) -> List[str]:
    """A line for each run: done, being run, failed, or open."""
    claims = Claims(runs[0].out / 'claims')
    lines = []
    for run in runs:
        who = claims.holder(run.name)
        state = 'open'
        if run.is_done:
            state = f'done, {run.result["seconds"]:.0f} s'
        elif who is not None:
            state = f'running, process {who["pid"]} on {who["host"]}'
        elif (run.folder / 'failed.json').is_file():
            state = 'failed'
        elif run.folder.is_dir():
            state = 'interrupted'
        lines.append(f'{run.name}: {state}')
    return lines


def _say(line: str) -> None:
    print(time.strftime('%H:%M:%S ') + line, flush=True)
