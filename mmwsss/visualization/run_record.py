"""What a pipeline's work directory says about itself: ``pipeline.json`` and ``stage.json``.

Nothing here fails because a stage is missing, was killed or left a damaged file: a report is
wanted most when something went wrong. What could not be read is noted.
"""
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WAITING, RUNNING, STOPPED, DONE, FAILED = 'waiting', 'running', 'stopped', 'done', 'failed'
STATES = (WAITING, RUNNING, STOPPED, DONE, FAILED)


@dataclass(frozen=True)
class StageRecord:
    """One stage.

    Args:
        name, title, kind: as the pipeline calls it; kind is 'train', 'test' or 'tool'.
        status: one of :data:`STATES`.
        record: the content of its ``stage.json``, {} before its first run.
        work: the pipeline's work directory.
        logs: MMEngine's work dir, if it is not where a pipeline has it.
    """

    name: str
    title: str
    kind: str
    status: str
    record: Mapping[str, Any]
    work: Path
    logs: Path | None = None

    @property
    def run_dir(self) -> Path:
        """MMEngine's work dir."""
        return self.logs or self.work / 'stages' / self.name / 'run'

    def output(self, name: str) -> Path | None:
        """Path of an output that is there."""
        path = section(self.record, 'outputs').get(name)
        if not isinstance(path, str) or not path:
            return None
        path = self.work / path
        return path if path.exists() else None

    def read_json(self, name: str) -> dict:
        """An output that is a JSON object; {} if there is none."""
        path = self.output(name)
        return {} if path is None else _read_json(path) or {}

    def key_figure(self) -> dict | None:
        """``name``, ``value`` (a number) and ``unit``."""
        figure = section(self.record, 'key_figure')
        if not is_number(figure.get('value')):
            return None
        return dict(name=str(figure.get('name', '')), value=figure['value'],
                    unit=str(figure.get('unit') or ''))


@dataclass
class Run:
    """A pipeline in its work directory, finished or not.

    Args:
        work: the work directory.
        title: for people.
        name: of the pipeline.
        stages: in order.
        edges: (from, to, name of the input).
        data: where images, lists, masks are, and the classes; see docs/pipeline.md.
        commands: what to type to get the same.
        about: further facts: seed, code version, created.
        notes: what could not be shown, and why. Panels add to it.
    """

    work: Path
    title: str
    name: str
    stages: tuple[StageRecord, ...]
    edges: tuple[tuple[str, str, str], ...]
    data: Mapping[str, Any]
    commands: tuple[str, ...]
    about: Mapping[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def stage(self, name: str) -> StageRecord | None:
        """The stage of that name, if the pipeline has it."""
        return next((stage for stage in self.stages if stage.name == name), None)

    def output(self, stage: str, name: str) -> Path | None:
        """An output that is there, of a stage that the pipeline has."""
        found = self.stage(stage)
        return None if found is None else found.output(name)

    def path(self, name: str) -> Path | None:
        """A file or folder of the data that is there."""
        value = self.data.get(name)
        path = Path(value) if isinstance(value, str) and value else None
        return path if path is not None and path.exists() else None

    @property
    def classes(self) -> tuple[str, ...]:
        """Names by label value, background first; as many as the data say."""
        return ('background', *(str(name) for name in self.data.get('classes') or ()))

    @property
    def num_classes(self) -> int:
        """C, background included."""
        return len(self.classes)


def section(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A part of a record that is a dict; {} if it is missing or something else."""
    value = record.get(name)
    return value if isinstance(value, Mapping) else {}


def is_number(value: Any) -> bool:
    """Whether it is an int or float, not bool."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_pipeline(work: Path) -> bool:
    """Whether a pipeline has begun in this folder."""
    return (work / 'pipeline.json').is_file()


def read_run(work: Path) -> Run:
    """Read a work directory at any stage.

    Raises:
        FileNotFoundError: no pipeline has begun there.
        ValueError: ``pipeline.json`` is damaged.
    """
    if not is_pipeline(work):
        raise FileNotFoundError(f'{work} has no pipeline.json: run tools/pipeline.py with '
                                f'--work-dir {work} first, or give the folder that it used')
    overview = _read_json(work / 'pipeline.json')
    if overview is None:
        raise ValueError(f'{work}/pipeline.json is damaged: start tools/pipeline.py again with '
                         f'--work-dir {work}, which writes it anew')
    notes: list[str] = []
    entries = [entry for entry in overview.get('stages') or ()
               if isinstance(entry, Mapping) and isinstance(entry.get('name'), str)]
    records = {entry['name']: _stage_json(work, entry['name'], notes) for entry in entries}
    at_work = _at_work(work, records)
    stages = tuple(
        StageRecord(entry['name'], str(entry.get('title') or entry['name']),
                    str(entry.get('kind') or ''), _status(entry['name'], records, at_work),
                    records[entry['name']], work) for entry in entries)
    names = {stage.name for stage in stages}
    edges = tuple((str(edge[0]), str(edge[1]), str(edge[2]))
                  for edge in overview.get('edges') or ()
                  if len(edge) == 3 and names.issuperset(edge[:2]))
    return Run(work=work, title=str(overview.get('title') or overview.get('name') or work.name),
               name=str(overview.get('name') or work.name), stages=stages, edges=edges,
               data=section(overview, 'data'), commands=_commands(overview, stages), notes=notes,
               about={key: overview.get(key) for key in (
                   'code_version', 'seed', 'gpus', 'created', 'config_path')})


def _read_json(path: Path) -> dict | None:
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _stage_json(work: Path, name: str, notes: list[str]) -> dict:
    path = work / 'stages' / name / 'stage.json'
    if not path.is_file():
        return {}
    content = _read_json(path)
    if content is None:
        notes.append(f'{path} is damaged; the stage is shown as if it had not run.')
    return content or {}


def _at_work(work: Path, records: Mapping[str, Mapping]) -> bool:
    """Whether a stage that is not the report can be running now."""
    from mmwsss.engine.pipeline.status import is_locked
    return is_locked(work) and records.get('report', {}).get('status') != RUNNING


def _status(name: str, records: Mapping[str, Mapping], at_work: bool) -> str:
    status = records[name].get('status')
    if status not in STATES:
        return WAITING
    if status == RUNNING and name != 'report' and not at_work:
        return STOPPED
    return status


def _commands(overview: Mapping[str, Any], stages: tuple[StageRecord, ...]) -> tuple[str, ...]:
    command = overview.get('command')
    if not isinstance(command, str) or not command:
        return ()
    settings = [f'{name}={shlex.quote(str(value))}'
                for name, value in sorted(section(overview, 'environment').items())]
    return (' '.join([*settings, whole_pipeline(command)]), )


def whole_pipeline(command: str) -> str:
    """The command without what chose some of the stages: all of them made the result."""
    try:
        words = shlex.split(command)
    except ValueError:
        return command
    kept, skip = [], False
    for word in words:
        if skip:
            skip = False
        elif word in ('--from', '--until', '--only'):
            skip = True
        elif not word.startswith(('--from=', '--until=', '--only=')) and word != '--force':
            kept.append(word)
    return shlex.join(kept)
