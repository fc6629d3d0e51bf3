"""The table of a grid: mean ± deviation over seeds, paired differences to the control, time."""
import json
import math
from pathlib import Path
from typing import Dict, List, Optional, Sequence

from _seed_tables import difference, numbers, spread
from summarize_labels import summary
from summarize_runs import mean_iou

from mmwsss.atomic_files import write_text_atomic
from mmwsss.engine.pipeline.record import write_json

from .grid import Grid
from .provenance import mixture
from .results import chosen_ids, read_rates
from .runs import Run, all_runs

SCORES = ('miou', 'miou_all')
LABELS = ('miou', 'precision', 'recall', 'recall_at', 'threshold', 'ignored', 'miou_all')
_TITLES = dict(
    miou='mIoU, {n} classes', miou_all='mIoU, all', precision='precision', recall='recall',
    recall_at='recall at the precision of the control', threshold='threshold',
    ignored='ignored, %')
Values = Dict[int, Dict[str, float]]  # seed -> metric -> number


def values_of(grid: Grid, runs: Dict[str, Dict[int, Run]], name: str) -> Values:
    """Metrics of a row for each of its seeds that is done."""
    control = runs.get(grid.control_of(name) or '', {})
    found: Values = {}
    for seed, run in runs.get(name, {}).items():
        metrics = run.result['metrics']
        if 'iou' in metrics:
            absent = [c for c in grid.classes if c not in metrics['iou']]
            if absent:
                raise ValueError(f'{run.name}: no image of its test has {absent}, which the grid '
                                 'counts in its headline')
            found[seed] = dict(miou=mean_iou(metrics['iou'], list(grid.classes) or None),
                               miou_all=mean_iou(metrics['iou'], None))
        elif 'rates' in metrics:
            chosen = chosen_ids(grid)
            base = control.get(seed)
            base = summary(read_rates(base), chosen) if base is not None and (
                'rates' in base.result['metrics']) else None
            found[seed] = summary(read_rates(run), chosen, base)
        else:
            continue
        found[seed].update({key: metrics['figures'].get(key, math.nan) for key in grid.figures})
    return found


def paired(values: Values, control: Values, metric: str = 'miou') -> List[float]:
    """Differences between runs of the same seed, by seed."""
    return [values[seed][metric] - control[seed][metric] for seed in sorted(values)
            if seed in control]


def table(grid: Grid, seeds: Sequence[int], out: Path, allow_mixed: bool = False) -> dict:
    """All numbers of a grid's table, from the runs that are done.

    Raises:
        ValueError: runs of different code or configs, unless ``allow_mixed``; names them.
    """
    everything = [run for run in all_runs(grid, seeds, out) if run.result is not None]
    problems = mixture(everything)
    if problems and not allow_mixed:
        raise ValueError('these runs do not belong in one table (--redo does those of other code '
                         'or config again, --allow-mixed shows them all the same):\n  '
                         + '\n  '.join(problems))
    runs: Dict[str, Dict[int, Run]] = {}
    for run in everything:
        runs.setdefault(run.entry.name, {})[run.seed] = run
    values = {name: values_of(grid, runs, name) for name in {
        *grid.rows, *(grid.control_of(name) for name in grid.rows)} if name is not None}
    rows = [_row(grid, name, runs.get(name, {}), values) for name in grid.rows]
    commits = sorted({str(run.result['commit']) for run in everything
                      if run.entry.kind != 'given'})
    return dict(name=grid.name, title=grid.title, note=grid.note, seeds=list(seeds),
                classes=list(grid.classes), commits=commits, mixed=problems, rows=rows)


def _row(grid: Grid, name: str, runs: Dict[int, Run], values: Dict[str, Values]) -> dict:
    entry, own, control = grid.entries[name], values[name], grid.control_of(name)
    differences = [] if control in (None, name) else paired(own, values[control])
    undisturbed = [run.result['seconds'] for run in runs.values()
                   if run.result['attempts'] == 1]
    metrics = list(next(iter(own.values()), {}))
    return dict(
        name=name, title=entry.title or name, control=None if control == name else control,
        kind='labels' if 'precision' in metrics else 'scores',
        values={str(seed): own[seed] for seed in sorted(own)},
        metrics={metric: numbers([own[seed][metric] for seed in sorted(own)])
                 for metric in metrics},
        differences=differences, difference=numbers(differences),
        beyond_noise=beyond_noise(differences),
        seconds=numbers(undisturbed), resumed=len(runs) - len(undisturbed),
        runs={str(seed): dict(
            {key: run.result.get(key) for key in ('commit', 'code', 'recipe', 'seconds', 'steps',
                                                  'metrics')}, folder=str(run.folder))
            for seed, run in sorted(runs.items())})


def beyond_noise(differences: Sequence[float]) -> Optional[bool]:
    """Whether the mean difference is more than two standard errors from 0; None below 2 seeds."""
    told = numbers(list(differences))
    return None if told['error'] is None else abs(told['mean']) > 2 * told['error']


def markdown(told: dict) -> str:
    """The table as text: one part for scores of networks, one for maps and labels."""
    lines = [f'### {told["title"]}', '']
    if told['note']:
        lines += [told['note'].strip(), '']
    seeds = ', '.join(map(str, told['seeds']))
    lines += [f'Seeds {seeds}; commit {", ".join(told["commits"]) or "-"}.']
    if told['classes']:
        lines += [f'Chosen classes: {", ".join(told["classes"])}.']
    if told['mixed']:
        lines += ['', '**Mixed runs:**', '', *(f'- {problem}' for problem in told['mixed'])]
    for kind, metrics in (('scores', SCORES), ('labels', LABELS)):
        rows = [row for row in told['rows'] if row['kind'] == kind]
        if rows:
            lines += ['', *_part(rows, metrics, len(told['classes']))]
    lines += ['', 'Mean ± standard deviation over seeds; differences between runs of the same '
              'seed, mean ± standard error, bold beyond two standard errors. Time: all commands '
              'of a run, without what it needs from others; * some runs were interrupted and are '
              'left out of it.']
    return '\n'.join(lines) + '\n'


def _part(rows: List[dict], metrics: Sequence[str], classes: int) -> List[str]:
    further = [m for m in dict.fromkeys(key for row in rows for key in row['metrics'])
               if m not in (*SCORES, *LABELS)]
    head = [_TITLES[m].format(n=classes or 'all') if m in _TITLES else m
            for m in (*metrics, *further)]
    titles = ['run', 'seeds', head[0], 'difference (each seed)', *head[1:], 'time, s']
    lines = ['| ' + ' | '.join(titles) + ' |', '|' + '---|' * len(titles)]
    for row in rows:
        cells = [spread([values[m] for values in row['values'].values()])
                 if m in row['metrics'] else '-' for m in (*metrics, *further)]
        lines.append('| ' + ' | '.join([
            row['title'], str(len(row['values'])), cells[0], _change(row), *cells[1:],
            _time(row)]) + ' |')
    return lines


def _change(row: dict) -> str:
    if row['control'] is None:
        return ''
    text = difference(row['differences'])
    if row['beyond_noise']:
        mean, _, rest = text.partition(' (')
        text = f'**{mean}** ({rest}'
    return text + f' to `{row["control"]}`'


def _time(row: dict) -> str:
    seconds = row['seconds']['mean']
    return ('-' if seconds is None else f'{seconds:.0f}') + ('*' if row['resumed'] else '')


def write(told: dict, folder: Path) -> Path:
    """Write NAME.md and NAME.json; the path of the first."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / f'{told["name"]}.json', json.loads(json.dumps(told), parse_constant=_none))
    write_text_atomic(folder / f'{told["name"]}.md', markdown(told))
    return folder / f'{told["name"]}.md'


def _none(constant: str) -> None:
    """NaN is no JSON."""
    return None
