"""Line charts as plain values; the template draws them."""
import math
from collections.abc import Mapping, Sequence

import numpy as np

from .run_record import Run
from .tables import number
from .training_log import read_scalars

WIDTH, HEIGHT = 460, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 10, 12, 40
_MOST_POINTS = 300


def line_chart(series: Sequence[tuple[str, Sequence, Sequence]], x_name: str, y_name: str,
               x_range: tuple[float, float] | None = None, top: float | None = None,
               mark: tuple[float, str] | None = None) -> dict | None:
    """A chart of lines from 0 upwards.

    Args:
        series: (name, x, y) of each line, the same length; values that are no finite numbers are
            left out, and lines of less than two points.
        x_name, y_name: of the axes.
        x_range: default: that of the values.
        top: largest y; default: that of the values.
        mark: x of a vertical line and what it is.

    Returns:
        Values for the template; None if there is nothing to draw.
    """
    lines = [(name, _finite(x, y)) for name, x, y in series]
    lines = [(name, points) for name, points in lines if len(points) > 1]
    if not lines:
        return None
    every = np.concatenate([points for _, points in lines])
    low, high = x_range or (every[:, 0].min(), every[:, 0].max())
    x_ticks = _ticks(low, high, 6)
    y_ticks = _ticks(0, top or max(every[:, 1].max(), 1e-9), 5)
    top = max(y_ticks[-1], top or every[:, 1].max())

    def across(x: float) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * (x - low) / ((high - low) or 1)

    def up(y: float) -> float:
        return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * y / top

    return dict(
        width=WIDTH, height=HEIGHT, left=_LEFT, right=WIDTH - _RIGHT, top=_TOP,
        bottom=HEIGHT - _BOTTOM, x_name=x_name, y_name=y_name,
        x_ticks=[(across(x), _short(x)) for x in x_ticks if low <= x <= high],
        y_ticks=[(up(y), _short(y)) for y in y_ticks],
        mark=None if mark is None else (across(mark[0]), mark[1]),
        lines=[dict(name=name, points=' '.join(
            f'{across(x):.1f},{up(y):.1f}' for x, y in points)) for name, points in lines])


def threshold_chart(quality: Mapping) -> dict | None:
    """The curve of the activation maps over the background threshold.

    Args:
        quality: content of a ``quality`` file; see ``tools/evaluate_labels.py``.
    """
    curve = quality.get('curve')
    if not isinstance(curve, Mapping) or not curve.get('threshold'):
        return None
    x = curve['threshold']
    names = dict(miou='mean IoU', mean_precision='mean precision', mean_recall='mean recall')
    series = [(title, x, curve[name]) for name, title in names.items()
              if np.shape(curve.get(name)) == np.shape(x)]
    best = number(quality.get('best_threshold'))
    return line_chart(series, 'background threshold', '%', x_range=(0, 1), top=100,
                      mark=None if best is None else (best, f'best: {best:.3f}'))


def loss_charts(run: Run) -> list[dict]:
    """Losses of each training that has a log: ``title``, ``chart``, ``step``, ``loss``."""
    found = []
    for stage in run.stages:
        try:
            rows = read_scalars(stage.run_dir)
        except (OSError, ValueError, KeyError, TypeError):
            continue
        names = sorted({key for row in rows for key in row if 'loss' in key},
                       key=lambda name: (name != 'loss', name))[:5]
        # A loss that is the sum's only part would hide under it.
        parts = [name for name in names[1:]
                 if len(names) > 2 or any(row.get(name) != row['loss'] for row in rows)]
        series = [(name, *zip(*[(row['step'], row[name]) for row in _thin(rows) if name in row]))
                  for name in ['loss', *parts]]
        chart = line_chart(series, 'iteration', 'loss')
        if chart is not None:
            found.append(dict(title=stage.title, chart=chart, step=rows[-1]['step'],
                              loss=number(rows[-1]['loss'])))
    return found


def _thin(rows: Sequence[dict]) -> Sequence[dict]:
    step = max(1, len(rows) // _MOST_POINTS)
    return [*rows[:-1:step], rows[-1]]


def _finite(x: Sequence, y: Sequence) -> np.ndarray:
    values = [(number(a), number(b)) for a, b in zip(x, y)]
    return np.array([pair for pair in values if None not in pair], float).reshape(-1, 2)


def _ticks(low: float, high: float, count: int) -> list[float]:
    """About ``count`` round values from ``low`` on, the last at or beyond ``high``."""
    span = (high - low) or 1
    power = 10 ** math.floor(math.log10(span / count))
    step = next(power * k for k in (1, 2, 5, 10) if power * k * count >= span)
    first = math.floor(low / step)
    return [round(step * k, 12) for k in range(first, math.ceil(high / step - 1e-9) + 1)]


def _short(value: float) -> str:
    return f'{value:g}'
