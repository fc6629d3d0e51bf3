"""One HTML file on a whole run: no script, no file or address outside of it."""
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from mmwsss.atomic_files import write_text_atomic
from mmwsss.engine.pipeline.status import clock
from mmwsss.knowledge import ClassGraph

from . import charts, drawing, pictures, tables
from .gallery import galleries
from .graph_drawing import graph_drawings
from .run_record import Run, StageRecord, section

IGNORED = 255
# Stages that say how good the labels or the network are, in order.
_JUDGED = ('maps', 'seeds', 'walk', 'segmentation', 'relabel', 'test')
_TABLE = dict(seeds='seeds', walk='pseudo labels', relabel='second round')


def write_report(run: Run, out: Path, shown: int = 12) -> dict:
    """Write the report of a run.

    Args:
        run: what there is; see :func:`mmwsss.visualization.read_run`.
        out: the HTML file; replaced in one step.
        shown: how many images to choose.

    Returns:
        What the template was given, for checks and printing.

    Raises:
        OSError: it cannot be written; what was there is untouched.
    """
    content = report_content(run, shown)
    write_text_atomic(out, _environment().get_template('report.j2').render(**content))
    return content


def report_content(run: Run, shown: int = 12) -> dict:
    """All that the template shows, as plain values."""
    qualities = _qualities(run)
    groups = galleries(run, shown)
    maps = run.stage('maps')
    content = dict(
        run=run, facts=_facts(run), headline=_headline(run), figures=_figures(run),
        wide=drawing.wide_drawing(run), tall=drawing.tall_drawing(run), galleries=groups,
        legend=_legend(run, groups),
        threshold=None if maps is None else charts.threshold_chart(maps.read_json('quality')),
        table=tables.class_table(run.classes, qualities),
        table_images={name: quality.get('images') for name, quality in qualities.items()},
        graph=_graph(run),
        versions=tables.version_tables(run), strip=_strip(run), losses=charts.loss_charts(run),
        stages=tables.stage_rows(run), environment=tables.environment_rows(run),
        code=_code(run))
    return dict(content, notes=list(dict.fromkeys(run.notes)))


def _environment() -> Environment:
    found = Environment(loader=PackageLoader('mmwsss.visualization', 'templates'),
                        autoescape=True, undefined=StrictUndefined, trim_blocks=True,
                        lstrip_blocks=True)
    found.filters.update(clock=clock, size=_size)
    return found


def _qualities(run: Run) -> dict[str, dict]:
    """Name -> rates by class: of the labels as the pipeline judged them, and of predictions."""
    found = {name: run.stage(stage).read_json('quality') for stage, name in _TABLE.items()
             if run.stage(stage) is not None}
    predictions = tables.prediction_quality(run)
    if predictions is not None:
        found['predictions'] = predictions
    return {name: quality for name, quality in found.items() if quality}


def _facts(run: Run) -> list[tuple[str, str]]:
    seconds = [tables.number(stage.record.get('seconds')) for stage in run.stages]
    gpus = run.about.get('gpus')
    facts = [('data', run.data.get('name')), ('seed', run.about.get('seed')),
             ('time', clock(sum(filter(None, seconds))) if any(seconds) else None),
             ('processes', gpus if gpus and gpus != 1 else None),
             ('started from', run.about.get('config_path')),
             ('last start', run.about.get('created'))]
    return [(name, str(value)) for name, value in facts if value is not None]


def _code(run: Run) -> list[str]:
    """Version, commit and digest of the code that started the run."""
    version = section(run.about, 'code_version')
    known = [version.get('mmwsss'), version.get('git') and f'commit {version["git"]}',
             version.get('digest') and f'source {str(version["digest"])[:16]}']
    return [str(entry) for entry in known if entry]


def _headline(run: Run) -> dict:
    """How far it is: counts of stages by state, and the first that failed."""
    stages = [stage for stage in run.stages if stage.name != 'report']
    return dict(
        total=len(stages), done=sum(stage.status == 'done' for stage in stages),
        states={stage.status for stage in stages},
        failed=[stage.title for stage in stages if stage.status == 'failed'],
        stopped=[stage.title for stage in stages if stage.status == 'stopped'],
        next=next((stage.title for stage in stages if stage.status == 'waiting'), None))


def _figures(run: Run) -> list[dict]:
    """The key figures of what can be judged; a trained network's only until it is tested."""
    stages = [stage for stage in map(run.stage, _JUDGED) if stage is not None]
    found = [_figure(stage) for stage in stages if stage.key_figure() is not None]
    if found and found[-1]['stage'] == 'test':
        found = [figure for figure in found if figure['stage'] != 'segmentation']
    return found


def _figure(stage: StageRecord) -> dict:
    return dict(stage=stage.name, title=stage.title, **stage.key_figure())


def _legend(run: Run, groups) -> list[dict]:
    values = sorted(set().union(*(group.values for group in groups)))
    return [dict(colour=pictures.colour(value), name='ignored' if value == IGNORED else
                 run.classes[value] if value < run.num_classes else str(value))
            for value in values]


def _graph(run: Run) -> dict | None:
    """Drawings of the class graph, and the tool's picture of it."""
    path, picture = run.output('graph', 'graph'), run.output('graph', 'picture')
    shown = None if picture is None else pictures.picture_file(picture, 1100)
    try:
        drawn = None if path is None else graph_drawings(ClassGraph.load(path))
    except (OSError, ValueError) as error:
        run.notes.append(f'class graph: {error}')
        drawn = None
    return dict(drawn=drawn, picture=shown) if drawn or shown else None


def _strip(run: Run) -> dict | None:
    """The picture in which a training that updates its labels shows them."""
    for stage in run.stages:
        path = stage.run_dir / 'label_versions.png'
        if path.is_file():
            return pictures.picture_file(path, 1100)
    return None


def _size(count: float) -> str:
    """Bytes for people."""
    for unit in ('B', 'kB', 'MB', 'GB'):
        if count < 1000 or unit == 'GB':
            return f'{count:.0f} {unit}' if unit == 'B' else f'{count:.1f} {unit}'
        count /= 1000
    raise AssertionError
