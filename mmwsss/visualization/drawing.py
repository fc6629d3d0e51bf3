"""Where the boxes and lines of a pipeline's drawing go; the template draws them.

Two drawings of the same: lanes for wide screens, one column for phones. Units are those of the
SVG's view box. Nothing here is text of markup, so that the template escapes every name.
"""
import textwrap
from collections.abc import Sequence

from .run_record import Run, StageRecord

LANES = ('Classifier and maps', 'Pseudo labels', 'Segmentation')
_LANE_OF = dict(labels=0, graph=0, check=0, classifier=0, recam=0, maps=0, seeds=1, boundary=1,
                walk=1, segmentation=2, training=2, test=2, report=2)
_WIDTH, _HEIGHT, _GAP, _LEFT = 160, 106, 24, 106
_GUTTER, _BUS, _RADIUS = 22, 11, 5


def wide_drawing(run: Run) -> dict:
    """Stages in lanes from left to right; lines between lanes run in the gutters.

    Returns:
        ``width``, ``height``, ``boxes`` (see :func:`_box`), ``lines`` (``path``, ``label``) and
        ``lanes`` (``lines`` of the name, ``y``).
    """
    lanes = _lanes(run.stages)
    cells = {stage.name: (row, column) for row, stages in enumerate(lanes)
             for column, stage in enumerate(stages)}
    edges = _edges(run)
    buses = _buses(edges, cells)
    tops, top = [], 0
    for row in range(len(lanes)):
        top += _GUTTER + _BUS * len(buses[row])
        tops.append(top)
        top += _HEIGHT
    boxes = {stage.name: _box(stage, _LEFT + cells[stage.name][1] * (_WIDTH + _GAP),
                              tops[cells[stage.name][0]], _WIDTH, _HEIGHT)
             for stage in run.stages}
    columns = max((len(stages) for stages in lanes), default=1)
    return dict(
        width=_LEFT + columns * (_WIDTH + _GAP) - _GAP + 2, height=top + 2,
        boxes=list(boxes.values()), lines=_wide_lines(edges, cells, boxes, buses, tops),
        lanes=[dict(lines=textwrap.wrap(name, 12), y=tops[row] + 20)
               for row, name in enumerate(_lane_names(lanes))])


def tall_drawing(run: Run) -> dict:
    """Stages one below another; lines that skip some run along the left side."""
    left, width, height, gap = 34, 324, 102, 22
    place = {stage.name: index for index, stage in enumerate(run.stages)}
    boxes = {stage.name: _box(stage, left, 2 + place[stage.name] * (height + gap), width, height)
             for stage in run.stages}
    edges = _edges(run)
    skipping = list(dict.fromkeys(a for a, b in edges if place[b] - place[a] != 1))
    lines = []
    for (a, b), label in edges.items():
        first, second = boxes[a], boxes[b]
        if place[b] - place[a] == 1:
            points = [(left + width / 2, first['y'] + height), (left + width / 2, second['y'])]
        else:
            track = left - 12 - _BUS * (skipping.index(a) % 2)
            points = [(left, first['y'] + height * 0.7), (track, first['y'] + height * 0.7),
                      (track, second['y'] + height * 0.3), (left, second['y'] + height * 0.3)]
        lines.append(dict(path=_path(points), label=label))
    return dict(width=left + width + 2, height=len(boxes) * (height + gap) - gap + 4,
                boxes=list(boxes.values()), lines=lines, lanes=[])


def _lanes(stages: Sequence[StageRecord]) -> list[list[StageRecord]]:
    """Stages by lane; one of an unknown name goes with the one before it."""
    lanes: list[list[StageRecord]] = [[] for _ in LANES]
    lane = 0
    for stage in stages:
        lane = _LANE_OF.get(stage.name, lane)
        lanes[lane].append(stage)
    return [stages for stages in lanes if stages]


def _lane_names(lanes: Sequence[Sequence[StageRecord]]) -> list[str]:
    return [LANES[next((_LANE_OF[s.name] for s in stages if s.name in _LANE_OF), 0)]
            for stages in lanes]


def _edges(run: Run) -> dict[tuple[str, str], str]:
    """(from, to) -> names of what goes over; each pair once."""
    found: dict[tuple[str, str], list[str]] = {}
    for source, target, name in run.edges:
        if source != target:
            found.setdefault((source, target), []).append(name)
    return {pair: f'{pair[0]} to {pair[1]}: {", ".join(dict.fromkeys(names))}'
            for pair, names in found.items()}


def _straight(a: tuple[int, int], b: tuple[int, int]) -> bool:
    return a[0] == b[0] and b[1] - a[1] == 1


def _buses(edges, cells) -> dict[int, list[str]]:
    """Gutter (above lane i) -> sources whose lines run along in it, from top to bottom."""
    buses: dict[int, list[str]] = {row: [] for row in range(1 + max(
        (row for row, _ in cells.values()), default=0))}
    for source, target in edges:
        if _straight(cells[source], cells[target]):
            continue
        rows = {cells[target][0]}
        if cells[target][0] > cells[source][0]:
            rows.add(cells[source][0] + 1)
        for row in rows:
            if source not in buses[row]:
                buses[row].append(source)
    return buses


def _wide_lines(edges, cells, boxes, buses, tops) -> list[dict]:
    entering = {name: [a for a, b in edges if b == name and not _straight(cells[a], cells[b])]
                for name in cells}

    def level(row: int, source: str) -> float:
        order = buses[row]
        return tops[row] - _GUTTER / 2 - _BUS * (len(order) - 1 - order.index(source))

    lines = []
    for (a, b), label in edges.items():
        first, second = boxes[a], boxes[b]
        if _straight(cells[a], cells[b]):
            y = first['y'] + _HEIGHT / 2
            lines.append(dict(path=_path([(first['x'] + _WIDTH, y), (second['x'], y)]),
                              label=label))
            continue
        others = entering[b]
        # Lines end left of where they begin, so that one never seems to be part of another.
        target = second['x'] + _WIDTH * 0.7 * (others.index(a) + 1) / (len(others) + 1)
        source = first['x'] + _WIDTH * 0.85
        row, end = cells[a][0], cells[b][0]
        if end <= row:  # along above the lane
            points = [(source, first['y']), (source, level(end, a)), (target, level(end, a)),
                      (target, second['y'])]
        else:
            points = [(source, first['y'] + _HEIGHT), (source, level(row + 1, a))]
            if end > row + 1:  # around the lanes between, on the left
                side = _LEFT - 12
                points += [(side, level(row + 1, a)), (side, level(end, a))]
            points += [(target, level(end, a)), (target, second['y'])]
        lines.append(dict(path=_path(points), label=label))
    return lines


def _path(points: Sequence[tuple[float, float]]) -> str:
    """An SVG path of straight pieces with round corners."""
    parts = [f'M{points[0][0]:.1f} {points[0][1]:.1f}']
    for before, corner, after in zip(points, points[1:], points[2:]):
        enter, leave = _towards(corner, before), _towards(corner, after)
        parts.append(f'L{enter[0]:.1f} {enter[1]:.1f}Q{corner[0]:.1f} {corner[1]:.1f} '
                     f'{leave[0]:.1f} {leave[1]:.1f}')
    parts.append(f'L{points[-1][0]:.1f} {points[-1][1]:.1f}')
    return ''.join(parts)


def _towards(corner: tuple[float, float], point: tuple[float, float]) -> tuple[float, float]:
    distance = abs(point[0] - corner[0]) + abs(point[1] - corner[1])  # one of them is 0
    step = min(_RADIUS, distance / 2) / distance if distance else 0
    return (corner[0] + (point[0] - corner[0]) * step, corner[1] + (point[1] - corner[1]) * step)


def _box(stage: StageRecord, x: float, y: float, width: float, height: float) -> dict:
    """Place and texts of a stage; ``title_lines`` are at most two."""
    lines = textwrap.wrap(stage.title, int((width - 24) / 5.9)) or ['']
    if len(lines) > 2:
        lines = [lines[0], textwrap.shorten(' '.join(lines[1:]), len(lines[0]), placeholder=' …')]
    return dict(x=x, y=y, width=width, height=height, name=stage.name, title=stage.title,
                title_lines=lines, kind=stage.kind, status=stage.status,
                figure=stage.key_figure(), seconds=stage.record.get('seconds'))
