"""Logged training values of MMEngine's runner."""
import json
from pathlib import Path


def read_scalars(work_dir: Path) -> list[dict[str, float]]:
    """Logged training values of a work dir in the order of their steps.

    A run that was cut off and resumed has several logs; for a step logged twice the later counts.

    Raises:
        FileNotFoundError: no log with a loss.
    """
    rows: dict[int, dict[str, float]] = {}
    for path in sorted(Path(work_dir).glob('*/vis_data/scalars.json')):
        for line in path.read_text(encoding='utf-8').splitlines():
            try:
                row = json.loads(line)
            except json.JSONDecodeError:  # the last line of a killed run
                continue
            if 'loss' in row:
                rows[int(row['step'])] = row
    if not rows:
        raise FileNotFoundError(f'no */vis_data/scalars.json with a loss under {work_dir}: '
                                'train there first')
    return [rows[step] for step in sorted(rows)]
