"""Doing the runs: claims one that is ready, runs its steps, writes its result; until none is left.

Whatever the worker is killed in, the next one goes on: a step with a record is not repeated, an
unfinished training resumes from its newest checkpoint, unfinished maps and labels from the image
they stopped at.
"""
import json
import os
import shlex
import time
from pathlib import Path
from typing import Callable, Dict, List, Optional, Sequence

from mmwsss.engine.pipeline.machine import device, git_commit, packages, settings
from mmwsss.engine.pipeline.processes import alive, run_logged, tail
from mmwsss.engine.pipeline.record import now, write_json

from .claims import Claims
from .provenance import code_of_this, differences
from .results import measure
from .runs import ROOT, Run, Step, read_json

POLL = 2.0  # seconds between looks at runs of other workers


class StepFailedError(RuntimeError):
    """A command ended with an error."""


def work_through(runs: Sequence[Run], since: float, say: Callable[[str], None] = print,
                 allow_mixed: bool = False) -> Dict[str, str]:
    """Do all runs that no other worker does.

    Args:
        runs: all runs of the grid, what is needed among them.
        since: time (seconds since 1970); runs that failed after it are not tried again.
        say: gets a line for each event.
        allow_mixed: go on with a run that was begun with other code or another config.

    Returns:
        Name -> reason, for runs that failed or wait for one that failed.
    """
    claims = Claims(runs[0].out / 'claims') if runs else None
    failed: Dict[str, str] = {}
    while True:
        left = [run for run in runs if run.name not in failed and not run.is_done]
        _note_failures(left, failed, since)
        left = [run for run in left if run.name not in failed]
        if not left:
            return failed
        if not any(_try(run, claims, say, allow_mixed) for run in left
                   if all(need.is_done for need in run.needs)):
            time.sleep(POLL)  # the rest is being done by others


def _note_failures(left: Sequence[Run], failed: Dict[str, str], since: float) -> None:
    for run in left:
        failure = read_json(run.folder / 'failed.json')
        if failure is not None and failure['time'] >= since:
            failed[run.name] = failure['reason']
    for run in left:  # in order: what is needed comes before
        broken = [need.name for need in run.needs if need.name in failed]
        if broken and run.name not in failed:
            failed[run.name] = f'needs {", ".join(broken)}'


def _try(run: Run, claims: Claims, say: Callable[[str], None], allow_mixed: bool) -> bool:
    """Do a run if nobody does it; whether anything was done."""
    with claims.claim(run.name) as mine:
        if not mine or run.is_done:
            return False
        try:
            do(run, say, allow_mixed)
        except (StepFailedError, ValueError, OSError) as error:
            write_json(run.folder / 'failed.json', dict(time=time.time(), reason=str(error)))
            say(f'{run.name}: FAILED: {error}')
        return True


def do(run: Run, say: Callable[[str], None] = print, allow_mixed: bool = False) -> None:
    """Do the steps of a run that are not done, then write its result.

    Raises:
        StepFailedError: a command failed; names its log.
        ValueError: it was begun with other code or another config.
    """
    (run.folder / 'steps').mkdir(parents=True, exist_ok=True)
    begin(run, allow_mixed)
    for step in run.steps:
        if _record(run, step) is None:
            say(f'{run.name}: {step.name}')
            _do_step(run, step)
    records = {step.name: _record(run, step) for step in run.steps}
    begun = read_json(run.folder / 'run.json')
    result = dict(
        begun, mixed=begun['mixed'] or begun['code'] != code_of_this(), steps=records,
        seconds=round(sum(record['seconds'] for record in records.values()), 1),
        attempts=max((record['attempts'] for record in records.values()), default=1),
        metrics=measure(run), finished=now())
    (run.folder / 'failed.json').unlink(missing_ok=True)
    write_json(run.folder / 'result.json', result)
    say(f'{run.name}: done')


def begin(run: Run, allow_mixed: bool) -> None:
    """Write down what the run is made from, before its first step."""
    made_from = dict(code=code_of_this(), recipe=run.recipe())
    before = read_json(run.folder / 'run.json')
    if before is not None:
        changed = differences(before, made_from)
        if changed and not allow_mixed:
            raise ValueError(f'{run.folder} was begun with other {" and ".join(changed)}: --redo '
                             'sets it aside and begins anew, --allow-mixed goes on')
        if not changed:
            return
    entry = run.entry
    run.check_given()
    run.write_configs()
    write_json(run.folder / 'run.json', dict(
        made_from, name=entry.name, seed=run.seed, kind=entry.kind, config=entry.config,
        commit=git_commit(ROOT), started=now(), packages=packages(), device=device(),
        threads=os.environ.get('OMP_NUM_THREADS'), settings=settings(),
        mixed=before is not None))


def _do_step(run: Run, step: Step) -> None:
    prefix = run.folder / 'steps' / step.name
    attempts = _attempts(prefix)
    _wait_for_killed(step, attempts)
    begun = time.monotonic()

    def note(pid: Optional[int]) -> None:
        with open(f'{prefix}.attempts', 'a') as file:
            file.write(json.dumps(dict(started=now(), pid=pid)) + '\n')

    if step.command is None:
        note(None)
        measure(run, fresh=True)
    else:
        log = Path(f'{prefix}.log')
        outcome = run_logged(step.command, run.child_environment(), log, started=note)
        if outcome.returncode != 0:
            raise StepFailedError(f'{step.name} ended with {outcome.returncode}; end of {log}:\n'
                                  f'{tail(log, 12)}')
    write_json(Path(f'{prefix}.json'), dict(
        command=shlex.join(step.command) if step.command else 'judge',
        seconds=round(time.monotonic() - begun, 1), attempts=len(attempts) + 1, finished=now()))


def _wait_for_killed(step: Step, attempts: List[dict]) -> None:
    """A killed worker's command gets SIGTERM with it; wait until it is really gone."""
    for attempt in attempts:
        while attempt['pid'] is not None and alive(attempt['pid'], step.command[-1]):
            time.sleep(0.2)


def _record(run: Run, step: Step) -> Optional[dict]:
    return read_json(run.folder / 'steps' / f'{step.name}.json')


def _attempts(prefix: Path) -> List[dict]:
    found = []
    try:
        lines = Path(f'{prefix}.attempts').read_text().splitlines()
    except FileNotFoundError:
        return found
    for line in lines:
        try:
            found.append(json.loads(line))
        except ValueError:  # cut off by a kill
            continue
    return found
