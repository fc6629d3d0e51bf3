"""Which stages run, and why."""
import os
from collections.abc import Sequence
from dataclasses import dataclass

from mmengine.config import Config

from .description import Pipeline, Stage
from .fingerprints import digest
from .record import DONE, RUNNING, Record
from .stage_config import flat
from .workspace import NotReadyError, Prepared, Workspace

ALL = 'stages'  # input of a stage that reads everything


@dataclass(frozen=True)
class Decision:
    """Whether a stage runs.

    Args:
        why: reason to run; None: its result stands.
        resume: whether what is there is of the same settings, so that it goes on.
    """

    why: str | None
    resume: bool = False


def select(pipeline: Pipeline, start: str | None = None, until: str | None = None,
           only: str | None = None) -> list[Stage]:
    """The stages of ``--from``, ``--until`` and ``--only``.

    Raises:
        PipelineError: there is no such stage.
        ValueError: the last one comes before the first, or ``only`` stands beside others.
    """
    if only is not None:
        if start is not None or until is not None:
            raise ValueError('--only goes without --from and --until')
        return [pipeline.stage(only)]
    first = pipeline.stages.index(pipeline.stage(start)) if start else 0
    last = pipeline.stages.index(pipeline.stage(until)) if until else len(pipeline.stages) - 1
    if last < first:
        raise ValueError(f'--until {until} comes before --from {start}')
    return list(pipeline.stages[first:last + 1])


def input_fingerprints(space: Workspace, prepared: Prepared) -> dict[str, dict]:
    """``{name: {path, fingerprint, from}}``; a fingerprint is None where there is nothing."""
    found = {name: {'path': path, 'fingerprint': space.fingerprints.of(path),
                    'from': prepared.sources[name]}
             for name, path in prepared.inputs.items()}
    if prepared.stage.after_all:
        found[ALL] = {'path': str(space.work / 'stages'), 'from': None,
                      'fingerprint': _of_stages(space, prepared.stage)}
    return found


def _of_stages(space: Workspace, last: Stage) -> str:
    """What the other stages have come to."""
    states = []
    for stage in space.pipeline.stages:
        if stage.name != last.name:
            record = Record(space.folder(stage.name)).read() or {}
            states.append([stage.name, record.get('status'), record.get('finished')])
    return digest(states)


def decide(space: Workspace, prepared: Prepared, inputs: dict[str, dict],
           ignore_code: bool = False, force: bool = False) -> Decision:
    """Compare a stage with its record.

    Args:
        space, prepared: the stage.
        inputs: of :func:`input_fingerprints`.
        ignore_code: a change of the code alone is no reason to run again.
        force: run anew whatever is there.
    """
    record = prepared.record.read()
    if record is None:
        return Decision('first run')
    if force:
        return Decision('--force')
    changed = _what_changed(prepared, record, inputs, ignore_code)
    if changed:
        return Decision(changed)
    if record['status'] != DONE:
        return Decision('it was stopped' if record['status'] == RUNNING else 'it failed',
                        resume=True)
    gone = [name for name, path in prepared.outputs.items()
            if name in record['outputs'] and not os.path.exists(path)]
    if gone:
        return Decision(f'output gone: {", ".join(gone)}', resume=True)
    return Decision(None)


def _what_changed(prepared: Prepared, record: dict, inputs: dict[str, dict],
                  ignore_code: bool) -> str | None:
    """Settings first, then inputs, then code: the first reason that holds."""
    if record['config_digest'] != prepared.config_digest:
        return 'settings changed' + _difference(prepared)
    before = {name: entry['fingerprint'] for name, entry in record['inputs'].items()}
    now = {name: entry['fingerprint'] for name, entry in inputs.items()}
    names = [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
    if names:
        return f'input changed: {", ".join(names)}'
    if record['code_digest'] != prepared.code_digest and not ignore_code:
        return 'code changed'
    return None


def _difference(prepared: Prepared) -> str:
    """Up to three settings, before and now."""
    if prepared.config is None or not prepared.config_path.is_file():
        return ''
    try:
        before = flat(Config.fromfile(prepared.config_path).to_dict())
    except Exception:  # a config of another version; that it differs is known
        return ''
    now = flat(prepared.config.to_dict())
    names = [name for name in sorted({*before, *now})
             if digest(before.get(name)) != digest(now.get(name))]
    shown = [f'{name} {_short(before.get(name))} -> {_short(now.get(name))}' for name in names[:3]]
    more = f' and {len(names) - 3} more' if len(names) > 3 else ''
    return f': {"; ".join(shown)}{more}' if shown else ''


def _short(value) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f'{text[:37]}...'


def forecast(space: Workspace, stages: Sequence[Stage], ignore_code: bool = False,
             force: bool = False) -> dict[str, str | None]:
    """Stage -> why it would run, as far as that is known before those before it have run."""
    reasons: dict[str, str | None] = {}
    edges = space.edges()
    for stage in stages:
        waits = sorted({maker for maker, user, _ in edges
                        if user == stage.name and reasons.get(maker)})
        if stage.after_all and any(reasons.values()):
            waits = [next(name for name, why in reasons.items() if why)]
        try:
            prepared = space.prepare(stage)
            inputs = input_fingerprints(space, prepared)
            reasons[stage.name] = decide(space, prepared, inputs, ignore_code, force).why
            if reasons[stage.name] is None and waits:
                reasons[stage.name] = f'if {waits[0]} changes'
        except NotReadyError as error:
            reasons[stage.name] = f'after {waits[0]}' if waits else str(error)
    return reasons
