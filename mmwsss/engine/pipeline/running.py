"""Run the stages of a pipeline, each once, and write down how it went."""
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .commands import judge_command, launcher_environment, main_command, shown
from .description import Stage
from .figures import gpu_memory, key_figure, last_loss, read_figures, size_of
from .machine import device, packages
from .plan import Decision, decide, input_fingerprints
from .processes import Outcome, alive, run_logged, tail
from .record import DONE, FAILED, RUNNING, close_killed_attempt, now
from .stage_config import CARRIED
from .workspace import Prepared, Workspace

WAIT_FOR_KILLED = 30  # seconds that processes of a killed run get to end


class StageFailedError(RuntimeError):
    """A command of a stage ended with an error; the message has the end of its log."""


@dataclass
class Settings:
    """How stages are run.

    Args:
        gpus: processes of training and inference.
        slurm: partition to run them in.
        ignore_code: a change of code alone is no reason to run a stage again.
        force: run again what is done.
        say: prints a line.
        progress: shows how far a stage is, for people at a terminal.
    """

    gpus: int = 1
    slurm: str | None = None
    ignore_code: bool = False
    force: bool = False
    say: Callable[[str], None] = print
    progress: Callable[[str], None] | None = None


def run_stage(space: Workspace, stage: Stage, settings: Settings) -> bool:
    """Run a stage if its result does not stand; whether it ran.

    Raises:
        StageFailedError: it did not work; started again, it goes on.
    """
    prepared = space.prepare(stage)
    inputs = input_fingerprints(space, prepared)
    absent = [f'{name} ({entry["path"]})' for name, entry in inputs.items()
              if entry['fingerprint'] is None]
    if absent:
        raise StageFailedError(f'stage {stage.name!r} lacks its input {", ".join(absent)}: run '
                               'the stage that makes it, or check where the data lie '
                               '(tools/prepare_voc.py and tools/prepare_coco14.py make lists and '
                               'image-level labels)')
    decision = decide(space, prepared, inputs, settings.ignore_code, settings.force)
    if decision.why is None:
        record = prepared.record.read()
        settings.say(f'{stage.name}: nothing has changed, kept{_figure(record)}')
        return False
    _wait_for_killed(prepared)
    goes_on = ', goes on' if decision.resume else ''
    settings.say(f'{stage.name}: {stage.title} ({decision.why}{goes_on})')
    record = _begin(space, prepared, inputs, decision, settings)
    _run(space, prepared, record, settings)
    settings.say(f'{stage.name}: done in {record["attempts"][-1]["seconds"]:.0f} s'
                 f'{_figure(record)}')
    return True


def _figure(record: dict | None) -> str:
    figure = (record or {}).get('key_figure')
    if not figure:
        return ''
    return f', {figure["name"]} {figure["value"]:g} {figure["unit"]}'.rstrip()


def _wait_for_killed(prepared: Prepared) -> None:
    """Processes of a killed run get their signal with its end, and need a moment."""
    record = prepared.record.read()
    pid = (record or {}).get('pid')
    end = time.monotonic() + WAIT_FOR_KILLED
    while pid and alive(pid, str(prepared.folder)):
        if time.monotonic() > end:
            raise StageFailedError(f'process {pid} of an earlier run still works on stage '
                                   f'{prepared.stage.name!r}: end it, then start again')
        time.sleep(0.3)


def _begin(space: Workspace, prepared: Prepared, inputs: dict, decision: Decision,
           settings: Settings) -> dict:
    """Clear what was made from something else, write down what is run, and return the record."""
    before = prepared.record.read() if decision.resume else None
    if before is None:
        _clear(prepared.folder)
    stage = prepared.stage
    attempts = (before or {}).get('attempts', [])
    log = prepared.folder / 'log.txt'
    commands = [main_command(space, prepared, settings.gpus, settings.slurm)]
    judge = judge_command(space, prepared)
    record = dict(
        name=stage.name, title=stage.title, kind=stage.kind, status=RUNNING, why=decision.why,
        commands=commands + ([judge] if judge else []), environment=prepared.env,
        config_path=None if prepared.config is None else stage.script,
        config=None if prepared.config is None else f'stages/{stage.name}/config.py',
        config_digest=prepared.config_digest, code_digest=prepared.code_digest, inputs=inputs,
        outputs={name: os.path.relpath(path, space.work)
                 for name, path in prepared.outputs.items()
                 if name != 'quality' or judge},
        seed=space.seed, gpus=settings.gpus, started=now(), finished=None, seconds=0,
        peak_memory_mb=(before or {}).get('peak_memory_mb', 0), peak_gpu_memory_mb=None,
        device=device(), packages=packages(), key_figure=None, figures={}, sizes={},
        attempts=attempts, error=None, pid=None)
    if before is not None:
        close_killed_attempt(record, log.stat().st_mtime if log.exists() else time.time())
    attempts.append(dict(started=now(), finished=None, seconds=0, status=RUNNING,
                         why=decision.why, resumed=decision.resume))
    prepared.folder.mkdir(parents=True, exist_ok=True)
    if prepared.config is not None:
        prepared.config.dump(str(prepared.config_path))
    prepared.record.write(record)
    return record


def _clear(folder: Path) -> None:
    """Remove a stage's results, the record first: half removed is not taken for done."""
    (folder / 'stage.json').unlink(missing_ok=True)
    if folder.is_dir():
        shutil.rmtree(folder)


def _run(space: Workspace, prepared: Prepared, record: dict, settings: Settings) -> None:
    """Run the commands and complete the record, however they end."""
    begun = time.monotonic()
    try:
        for command in record['commands']:
            outcome = _command(space, prepared, record, command, settings)
            record['peak_memory_mb'] = max(record['peak_memory_mb'], outcome.peak_memory_mb)
            if outcome.returncode != 0:
                raise StageFailedError(_failure(prepared, command, outcome))
        gone = [path for path in record['outputs'].values()
                if not (space.work / path).exists()]
        if gone:
            raise StageFailedError(f'stage {prepared.stage.name!r} ended without making '
                                   f'{", ".join(gone)}')
    except BaseException as error:
        failed = isinstance(error, StageFailedError)
        record['error'] = str(error) if failed else f'interrupted ({type(error).__name__})'
        _close(prepared, record, FAILED, begun)
        raise
    _read_results(space, prepared, record)
    _close(prepared, record, DONE, begun)
    space.fingerprints.save()


def _command(space: Workspace, prepared: Prepared, record: dict, command: list[str],
             settings: Settings) -> Outcome:
    log = prepared.folder / 'log.txt'
    with open(log, 'a', encoding='utf-8') as file:
        file.write(f'$ {shown(command)}\n')
    env = {name: value for name, value in os.environ.items() if name not in CARRIED}
    env.update(prepared.env, PYTHONUNBUFFERED='1',
               **launcher_environment(settings.gpus, settings.slurm))

    def note(pid: int) -> None:
        record['pid'] = pid
        prepared.record.write(record)

    progress = None
    if settings.progress is not None:
        def progress(line: str) -> None:
            settings.progress(f'{prepared.stage.name}: {line}')
    return run_logged(command, env, log, progress, note)


def _failure(prepared: Prepared, command: list[str], outcome: Outcome) -> str:
    how = (f'was ended by signal {-outcome.returncode}' if outcome.returncode < 0
           else f'ended with {outcome.returncode}')
    log = prepared.folder / 'log.txt'
    return (f'stage {prepared.stage.name!r} {how}: {shown(command)}\n{tail(log)}\n'
            f'(whole log: {log}; started again, the pipeline goes on here)')


def _read_results(space: Workspace, prepared: Prepared, record: dict) -> None:
    extra = [Path(path) for name, path in prepared.outputs.items()
             if name in record['outputs'] and path.endswith('.json')
             and name in ('quality', 'figures')]
    figures = read_figures(prepared.run_dir, extra)
    loss = last_loss(prepared.run_dir)
    record['figures'] = figures if loss is None else {**figures, 'loss': loss}
    record['key_figure'] = key_figure(prepared.stage.key_figure, record['figures'])
    record['peak_gpu_memory_mb'] = gpu_memory(prepared.run_dir)
    record['sizes'] = {name: size_of(space.work / path)
                       for name, path in record['outputs'].items()}


def _close(prepared: Prepared, record: dict, status: str, begun: float) -> None:
    attempt = record['attempts'][-1]
    attempt.update(status=status, finished=now(), seconds=round(time.monotonic() - begun, 1))
    record.update(status=status, finished=attempt['finished'], pid=None,
                  seconds=round(sum(a['seconds'] for a in record['attempts']), 1))
    prepared.record.write(record)


def terminal_progress() -> Callable[[str], None] | None:
    """Shows one line that is overwritten; None where nobody looks."""
    if not sys.stdout.isatty():
        return None

    def show(line: str) -> None:
        width = shutil.get_terminal_size().columns - 1
        sys.stdout.write('\r' + line[:width].ljust(width) + '\r')
        sys.stdout.flush()

    return show
