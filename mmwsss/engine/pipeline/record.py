"""``stage.json``: what a stage was run from, and how it went. Written whole or not at all."""
import json
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from mmwsss.atomic_files import write_atomic

RUNNING, DONE, FAILED = 'running', 'done', 'failed'


def now() -> str:
    """ISO 8601 in UTC, to the second."""
    return datetime.now(timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')


def seconds_between(start: str, end: float | str) -> float:
    """From an ISO time to another, or to seconds since 1970; never below 0."""
    begun = datetime.fromisoformat(start.replace('Z', '+00:00')).timestamp()
    if isinstance(end, str):
        end = datetime.fromisoformat(end.replace('Z', '+00:00')).timestamp()
    return round(max(0., end - begun), 1)


class Record:
    """The record of one stage.

    Args:
        folder: ``WORK/stages/NAME``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / 'stage.json'

    def read(self) -> dict[str, Any] | None:
        """What was written last; None before the first run, or if the file is damaged (then the
        stage runs again)."""
        try:
            content = json.loads(self.path.read_text(encoding='utf-8'))
        except (FileNotFoundError, ValueError):
            return None
        return content if isinstance(content, dict) else None

    def write(self, content: Mapping[str, Any]) -> None:
        """Replace the record."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self.path, content)


def write_json(path: Path, content: Any) -> None:
    """Readable JSON, in one rename."""
    write_atomic(path, (json.dumps(content, indent=1, default=str) + '\n').encode())


def close_killed_attempt(record: dict, last_sign: float) -> None:
    """An attempt without an end was killed: it lasted until the log was last written to."""
    for attempt in record['attempts']:
        if attempt.get('finished') is None:
            attempt.update(status='killed', finished=None,
                           seconds=seconds_between(attempt['started'], last_sign))
