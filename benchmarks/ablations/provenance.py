"""Of which code and configs runs are, so that a table compares like with like."""
from functools import lru_cache
from typing import Dict, List, Sequence

from mmwsss.engine.pipeline import fingerprints

from .runs import ROOT, Run, read_json

_TOOLS = [ROOT / 'tools/train.py', ROOT / 'tools/test.py']


def code_of_this() -> str:
    """Digest of the package and of tools/train.py and tools/test.py as they are now, without
    comments and what cannot change a result. Commits that differ in documentation agree."""
    files = [*(ROOT / 'mmwsss').rglob('*.*'), *_TOOLS]
    return _code(tuple(sorted((str(path), path.stat().st_mtime_ns) for path in files
                              if path.suffix != '.pyc')))


@lru_cache(maxsize=1)
def _code(stamps: tuple) -> str:
    """Taken again when a file has changed: commands read the files of their own time."""
    fingerprints._package_digest.cache_clear()
    return fingerprints.code_digest(_TOOLS)


def differences(made_from: dict, other: dict) -> List[str]:
    """'code', 'config': in which two records differ."""
    return [what for what, key in (('code', 'code'), ('config', 'recipe'))
            if made_from[key] != other[key]]


def mixture(runs: Sequence[Run]) -> List[str]:
    """What speaks against one table of the runs that there are; empty if nothing does.

    Runs must be of one code and each of the config that the grid now says; maps and labels that
    rows are made from count too.
    """
    told = {run.name: read_json(run.folder / 'result.json') for run in runs
            if run.entry.kind != 'given'}
    told = {name: record for name, record in told.items() if record is not None}
    problems = []
    codes: Dict[str, List[str]] = {}
    for name, record in told.items():
        codes.setdefault(f'{record["code"][:10]} (commit {record["commit"]})', []).append(name)
    if len({record['code'] for record in told.values()}) > 1:
        problems += [f'code {code}: {", ".join(sorted(names))}' for code, names in codes.items()]
    recipes = {run.name: run.recipe() for run in runs if run.name in told}
    problems += [f'another config than the grid and the MMWSSS_* variables say: {name}'
                 for name in sorted(told) if told[name]['recipe'] != recipes[name]]
    problems += [f'code or config changed while it ran: {name}'
                 for name in sorted(told) if told[name]['mixed']]
    return problems


def outdated(runs: Sequence[Run]) -> List[Run]:
    """Runs, begun or done, of other code or another config than now."""
    found, code = [], code_of_this()
    for run in runs:
        record = read_json(run.folder / 'result.json') or read_json(run.folder / 'run.json')
        if run.entry.kind != 'given' and record is not None and (
                record['mixed'] or differences(record, dict(code=code, recipe=run.recipe()))):
            found.append(run)
    return found
