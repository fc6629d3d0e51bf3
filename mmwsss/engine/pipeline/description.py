"""What a pipeline file says: stages in order, each with named inputs and outputs.

A stage sees its own inputs and outputs by name (``{labels}``), the data (``{data.root}``), the
work directory (``{work}``) and its own folder (``{stage}``) in its ``args``, ``env`` and
``options``. Its inputs name outputs of earlier stages (``{seeds.labels}``), data or files.
"""
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

KINDS = ('train', 'test', 'tool')
_PLACE = re.compile(r'\{([a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)?)\}')
_NAME = re.compile(r'[a-z][a-z0-9_]*')


class PipelineError(ValueError):
    """A pipeline file that does not say what to run; the message names file and stage."""


@dataclass(frozen=True)
class Stage:
    """One step: a config for ``tools/train.py`` or ``tools/test.py``, or a call of a tool.

    Args:
        name: letters, digits and ``_``; also the name of its folder.
        kind: 'train', 'test' or 'tool'.
        script: the config file, or the tool.
        title: one line for people.
        description: a sentence more.
        inputs: name -> what it is made from; an input that expands to nothing is left out.
        outputs: name -> path inside the stage's folder. Train stages have ``checkpoint`` too.
        args: further arguments of the command.
        env: environment variables, by which configs find what earlier stages made.
        options: merged into the config (nested, or with dotted keys).
        iterations: how long to train instead of what the config says; the schedule follows.
        judge: output (``activations`` or ``labels``) to compare with masks, where there are any.
        key_figure: ``dict(metric=..., name=..., unit=...)``: the one number to show.
        after_all: it reads the whole work directory, so that every stage before it is an input.
    """

    name: str
    kind: str
    script: str
    title: str = ''
    description: str = ''
    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    args: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    iterations: int | None = None
    judge: str | None = None
    key_figure: Mapping[str, str] | None = None
    after_all: bool = False


@dataclass(frozen=True)
class Pipeline:
    """Stages in order, and the data that they work on."""

    name: str
    title: str
    path: str
    stages: tuple[Stage, ...]
    data: Mapping[str, Any]
    seed: int = 0

    def stage(self, name: str) -> Stage:
        """The stage of that name; ``PipelineError`` lists the names there are."""
        for stage in self.stages:
            if stage.name == name:
                return stage
        raise PipelineError(f'{self.path} has no stage {name!r}; its stages: '
                            f'{", ".join(stage.name for stage in self.stages)}')


def places(value: Any) -> list[str]:
    """What ``{...}`` a string, or the strings inside lists and dicts, refer to."""
    if isinstance(value, str):
        return _PLACE.findall(value)
    if isinstance(value, Mapping):
        return [place for entry in value.values() for place in places(entry)]
    if isinstance(value, (list, tuple)):
        return [place for entry in value for place in places(entry)]
    return []


def expand(value: Any, known: Mapping[str, Any]) -> Any:
    """The same with each ``{name}`` replaced by ``known[name]``; a string that is nothing but
    one ``{name}`` becomes the value itself, so that numbers stay numbers."""
    if isinstance(value, str):
        whole = _PLACE.fullmatch(value)
        if whole:
            return known[whole[1]]
        return _PLACE.sub(lambda match: str(known[match[1]]), value)
    if isinstance(value, Mapping):
        return {key: expand(entry, known) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [expand(entry, known) for entry in value]
    return value


def build_pipeline(cfg: Mapping[str, Any], path: str) -> Pipeline:
    """Check and build the description that a pipeline file holds.

    Args:
        cfg: ``title``, ``data`` (dict), ``stages`` (dict of name -> stage; None drops one that a
            base file has), optionally ``seed``.
        path: the file, for messages and the name.

    Raises:
        PipelineError: a stage has unknown keys, no command or several, takes what nobody makes, or
            takes it before it is made.
    """
    given = cfg.get('stages')
    if not isinstance(given, Mapping) or not given:
        raise PipelineError(f'{path} is no pipeline: it needs stages=dict(name=dict(...), ...)')
    stages = tuple(_stage(name, dict(entry), path) for name, entry in given.items()
                   if entry is not None)
    pipeline = Pipeline(
        name=Path(path).stem, title=cfg.get('title') or Path(path).stem, path=str(path),
        stages=stages, data=dict(cfg.get('data') or {}), seed=int(cfg.get('seed', 0)))
    _check_places(pipeline)
    return pipeline


def _stage(name: str, entry: dict, path: str) -> Stage:
    if not _NAME.fullmatch(name):
        raise PipelineError(f'{path}: stage {name!r}: names are of a-z, 0-9 and _')
    kinds = [kind for kind in KINDS if entry.get(kind) is not None]
    if len(kinds) != 1:
        raise PipelineError(f'{path}: stage {name!r} needs just one of {", ".join(KINDS)}, the '
                            f'config or the tool to run; it has {kinds or "none"}')
    script = entry[kinds[0]]
    entry = {key: value for key, value in entry.items() if key not in KINDS}
    unknown = sorted(set(entry) - {f.name for f in fields(Stage)} | {'name'} & set(entry))
    if unknown:
        raise PipelineError(f'{path}: stage {name!r} has unknown keys {unknown}')
    entry = {key: value for key, value in entry.items() if value is not None}
    inputs = {key: value for key, value in entry.pop('inputs', {}).items() if value is not None}
    outputs = dict(entry.pop('outputs', {}))
    if kinds[0] == 'train':
        outputs.setdefault('checkpoint', '')
    if entry.get('judge') is not None:
        outputs.setdefault('quality', 'quality.json')
    both = sorted(set(inputs) & set(outputs))
    if both:
        raise PipelineError(f'{path}: stage {name!r} calls inputs and outputs alike: {both}')
    stage = Stage(name=name, kind=kinds[0], script=script, inputs=inputs, outputs=outputs,
                  **{'title': name, **entry})
    if stage.judge is not None and stage.judge not in outputs:
        raise PipelineError(f'{path}: stage {name!r} judges {stage.judge!r}, which is none of '
                            f'its outputs {sorted(outputs)}')
    return stage


def _check_places(pipeline: Pipeline) -> None:
    """Every ``{...}`` must be something, and be there before it is wanted."""
    outputs: dict[str, set] = {}
    for stage in pipeline.stages:
        for name, value in stage.inputs.items():
            for place in places(value):
                head, _, tail = place.partition('.')
                if head == 'data' or place in ('work', 'stage'):
                    continue
                if tail not in outputs.get(head, ()):
                    later = head in {other.name for other in pipeline.stages}
                    raise PipelineError(
                        f'{pipeline.path}: input {name!r} of stage {stage.name!r} is {value!r}, '
                        + ('which no earlier stage makes' if later else 'and no stage is called '
                           f'{head!r}') + f'; made by then: {_listed(outputs) or "nothing"}')
        known = {*stage.inputs, *stage.outputs, 'work', 'stage', 'num_classes', 'num_foreground'}
        for place in places([stage.args, stage.env, stage.options]):
            if place not in known and not place.startswith('data.'):
                raise PipelineError(
                    f'{pipeline.path}: stage {stage.name!r} uses {{{place}}}, which is none of '
                    f'its inputs and outputs ({", ".join(sorted(known))})')
        outputs[stage.name] = set(stage.outputs)


def _listed(outputs: Mapping[str, set]) -> str:
    return ', '.join(f'{stage}.{name}' for stage, names in outputs.items()
                     for name in sorted(names))
