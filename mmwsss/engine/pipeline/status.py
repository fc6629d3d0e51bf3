"""The table of a work directory: stage, state, key figure, time, why it would run again."""
import fcntl
from collections.abc import Mapping, Sequence
from pathlib import Path

from .record import RUNNING, Record
from .workspace import Workspace

HEADER = ('stage', 'state', 'key figure', 'time', 'memory', 'runs next time')


def rows(space: Workspace, reasons: Mapping[str, str | None], in_use: bool
         ) -> list[tuple[str, ...]]:
    """One row a stage.

    Args:
        space: the pipeline in its work directory.
        reasons: stage -> why it would run, None if it would not.
        in_use: a pipeline runs there now, so that ``running`` is true.
    """
    table = []
    for stage in space.pipeline.stages:
        record = Record(space.folder(stage.name)).read() or {}
        state = record.get('status', '-')
        if state == RUNNING and not in_use:
            state = 'stopped'
        memory = record.get('peak_memory_mb')
        table.append((stage.name, state, _figure(record),
                      clock(record['seconds']) if record.get('seconds') else '-',
                      f'{memory:.0f} MiB' if memory else '-',
                      reasons.get(stage.name) or 'no'))
    return table


def _figure(record: Mapping) -> str:
    figure = record.get('key_figure')
    if not figure:
        return '-'
    return f'{figure["name"]} {figure["value"]:g} {figure["unit"]}'.rstrip()


def clock(seconds: float) -> str:
    """``1:02:03`` or ``2:03``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f'{hours}:{minutes:02}:{rest:02}' if hours else f'{minutes}:{rest:02}'


def text(table: Sequence[Sequence[str]], header: Sequence[str] = HEADER) -> str:
    """Columns of text."""
    lines = [tuple(header), *map(tuple, table)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    return '\n'.join('  '.join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()
                     for line in lines)


def is_locked(work: Path) -> bool:
    """Whether a process holds the work directory (see ``lock_work_dir``)."""
    path = work / '.lock'
    if not path.is_file():
        return False
    with open(path, 'a+', encoding='utf-8') as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False
