"""Numbers that a stage leaves behind: metrics, curves' ends, GPU memory, sizes."""
import json
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

# Of a file of tools/evaluate_labels.py: what is one number.
_NOT_FIGURES = ('curve', )


def read_figures(run_dir: Path, extra: Iterable[Path] = ()) -> dict[str, float]:
    """Every metric that is one finite number, the newest of each name.

    Args:
        run_dir: work dir of MMEngine's runner: validation results among its scalars, test results
            in ``<time>/<time>.json``.
        extra: JSON files of tools.
    """
    found: dict[str, float] = {}
    for path in _newest_last(run_dir.glob('*/vis_data/scalars.json')):
        for entry in _lines(path):
            if 'lr' not in entry:  # validation; training has rates and times
                found.update(_numbers(entry))
    for path in _newest_last(run_dir.glob('*/*.json')):
        found.update(_numbers(_read(path)))
    for path in extra:
        found.update(_numbers(_read(path)))
    for name in ('step', 'data_time', 'time'):
        found.pop(name, None)
    return found


def last_loss(run_dir: Path) -> float | None:
    """Training loss of the last line of the log."""
    losses = [entry['loss'] for path in _newest_last(run_dir.glob('*/vis_data/scalars.json'))
              for entry in _lines(path) if 'loss' in entry]
    return losses[-1] if losses else None


def gpu_memory(run_dir: Path) -> float | None:
    """Largest GPU memory in MiB that the log of a training says; None on a CPU."""
    values = [entry['memory'] for path in run_dir.glob('*/vis_data/scalars.json')
              for entry in _lines(path) if entry.get('memory')]
    return max(values) if values else None


def key_figure(wanted: Mapping[str, str] | None, figures: Mapping[str, float]) -> dict | None:
    """``{name, value, unit}`` of the one number to show; None if there is no such metric."""
    if wanted is None or wanted['metric'] not in figures:
        return None
    return dict(name=wanted.get('name', wanted['metric']), unit=wanted.get('unit', ''),
                value=round(figures[wanted['metric']], 2))


def size_of(path: Path) -> int:
    """Bytes of a file or of all files below a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(os.stat(os.path.join(folder, name)).st_size
               for folder, _, names in os.walk(path) for name in names)


def _newest_last(paths: Iterable[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: path.stat().st_mtime)


def _lines(path: Path) -> list[dict]:
    entries = []
    for line in path.read_text(encoding='utf-8').splitlines():
        try:
            entries.append(json.loads(line))
        except ValueError:  # cut off by a kill
            continue
    return [entry for entry in entries if isinstance(entry, dict)]


def _read(path: Path) -> dict:
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except (FileNotFoundError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _numbers(entry: Mapping[str, Any]) -> dict[str, float]:
    return {name: value for name, value in entry.items()
            if isinstance(value, (int, float)) and not isinstance(value, bool)
            and name not in _NOT_FIGURES and math.isfinite(value)}
