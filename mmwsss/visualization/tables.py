"""The tables of a report: quality by class, versions of labels, what stages cost.

C: classes, background included.
"""
import shlex
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmwsss.evaluation.label_quality import count_labels, label_quality
from mmwsss.labels import LabelStore
from mmwsss.labels.stores import kind_of_store

from .material import LabelMaps, evenly, listed_ids, open_labels
from .pictures import colour
from .run_record import Run, StageRecord, is_number, section

RATES = ('iou', 'precision', 'recall')
_MOST_VERSIONS = 8


def prediction_quality(run: Run) -> dict | None:
    """Rates of the predictions of the validation images, where there are masks.

    Returns:
        :func:`mmwsss.evaluation.label_quality.label_quality` and ``images``; None without
        predictions or masks.
    """
    predictions = open_labels(run.output('test', 'predictions'), run.notes.append)
    masks = open_labels(run.path('val_masks'), run.notes.append)
    if predictions is None or masks is None:
        return None
    counts = np.zeros((run.num_classes, run.num_classes + 1), np.int64)
    images = sum(_add(counts, image_id, predictions, masks, run)
                 for image_id in listed_ids(run.path('val_list'), run.notes.append))
    return dict(images=images, **label_quality(counts)) if images else None


def _add(counts: np.ndarray, image_id: str, predictions: LabelMaps, masks: LabelMaps,
         run: Run) -> bool:
    labels, truth = predictions.read(image_id), masks.read(image_id)
    if labels is None or truth is None:
        return False
    try:
        counts += count_labels(labels, truth, run.num_classes)
    except ValueError as error:
        run.notes.append(f'{image_id}: {error}')
        return False
    return True


def class_table(classes: Sequence[str], qualities: dict[str, dict]) -> dict | None:
    """IoU, precision and recall of each class that occurs.

    Args:
        classes: (C,) names.
        qualities: name -> lists or arrays ``iou``, ``precision``, ``recall`` (C,) in %, and their
            means ``miou``, ``mean_precision``, ``mean_recall``, None or NaN where there is none.

    Returns:
        ``groups`` (names), ``rows`` (``name``, ``colour``, ``cells``: three a group) and
        ``mean``; None if nothing fits.
    """
    qualities = {name: quality for name, quality in qualities.items()
                 if all(np.shape(quality.get(rate)) == (len(classes), ) for rate in RATES)}
    if not qualities:
        return None
    rows = []
    for value, name in enumerate(classes):
        cells = [number(quality[rate][value]) for quality in qualities.values() for rate in RATES]
        if any(cell is not None for cell in cells):
            rows.append(dict(name=name, colour=colour(value), cells=cells))
    mean = [number(quality.get(rate)) for quality in qualities.values()
            for rate in ('miou', 'mean_precision', 'mean_recall')]
    return dict(groups=list(qualities), rows=rows, mean=mean)


def number(value) -> float | None:
    """A finite number as float, else None."""
    if value is None or isinstance(value, (str, bool)):
        return None
    value = float(value)
    return value if np.isfinite(value) else None


def label_stores(run: Run) -> list[tuple[str, Path]]:
    """(title, folder) of each label store: of seeds, of the walk, of a training that updates
    its labels."""
    found = []
    for stage in run.stages:
        for folder in (stage.output('labels'), stage.run_dir / 'labels'):
            try:
                if folder is not None and kind_of_store(folder) == 'labels':
                    found.append((stage.title, folder))
            except ValueError as error:
                run.notes.append(str(error))
    return found


def version_tables(run: Run) -> list[dict]:
    """The versions of each label store: share of pixels by class.

    Returns:
        One dict a store: ``title``, ``versions`` (``number``, ``created``, ``images``,
        ``current``), ``rows`` (``name``, ``colour``, ``shares`` in % a version), ``left_out``
        (how many versions are not shown).
    """
    tables = []
    for title, folder in label_stores(run):
        try:
            tables.append(dict(title=title, **_versions(LabelStore(folder), run.classes)))
        except (OSError, ValueError, KeyError) as error:
            run.notes.append(f'{folder}: {error}')
    return [table for table in tables if table['versions']]


def _versions(store: LabelStore, classes: Sequence[str]) -> dict:
    names = {**dict(enumerate(classes)), store.ignore_index: 'ignored'}
    every = store.versions
    shown = evenly(every, _MOST_VERSIONS)
    manifests = [store.manifest(version) for version in shown]
    counts = [{int(value): count for value, count in section(manifest, 'pixels').items()}
              for manifest in manifests]
    rows = []
    for value in sorted(set().union(*counts)):
        shares = [100 * count.get(value, 0) / max(1, sum(count.values())) for count in counts]
        if any(shares):
            rows.append(dict(name=names.get(value, str(value)), colour=colour(value),
                             shares=shares))
    return dict(rows=rows, left_out=len(every) - len(shown), versions=[
        dict(number=version, created=manifest.get('created', ''), images=len(manifest['files']),
             current=version == store.current) for version, manifest in zip(shown, manifests)])


def stage_rows(run: Run) -> list[dict]:
    """What each stage cost and how it went."""
    return [_stage_row(stage) for stage in run.stages]


def _stage_row(stage: StageRecord) -> dict:
    record = stage.record
    sizes = [size for size in section(record, 'sizes').values() if is_number(size)]
    attempts = [dict(started=entry.get('started') or '', seconds=number(entry.get('seconds')),
                     status=entry.get('status') or '', why=entry.get('why') or '',
                     resumed=bool(entry.get('resumed')))
                for entry in record.get('attempts') or () if isinstance(entry, dict)]
    inputs = {name: dict(source=entry.get('from') or entry.get('path') or '',
                         fingerprint=str(entry.get('fingerprint') or '')[:16])
              for name, entry in section(record, 'inputs').items() if isinstance(entry, dict)}
    return dict(
        name=stage.name, title=stage.title, kind=stage.kind, status=stage.status,
        figure=stage.key_figure(), seconds=number(record.get('seconds')),
        memory=number(record.get('peak_memory_mb')),
        gpu_memory=number(record.get('peak_gpu_memory_mb')),
        bytes=sum(sizes) if sizes else None, why=record.get('why'), attempts=attempts,
        error=record.get('error'), commands=_commands(record),
        environment=section(record, 'environment'), inputs=inputs,
        config=record.get('config'), device=record.get('device'), started=record.get('started'),
        figures={name: value for name, value in section(record, 'figures').items()
                 if is_number(value)})


def _commands(record) -> list[str]:
    commands = record.get('commands')
    return [command if isinstance(command, str) else shlex.join(map(str, command))
            for command in commands if isinstance(command, (str, list))
            ] if isinstance(commands, list) else []


def environment_rows(run: Run) -> list[tuple[str, str]]:
    """Packages and devices of the stages; several values where stages differ."""
    found: dict[str, dict] = {}
    for stage in run.stages:
        facts = {'device': stage.record.get('device'), **section(stage.record, 'packages')}
        for name, value in facts.items():
            if value is not None:
                found.setdefault(name, {})[str(value)] = None
    return [(name, ', '.join(values)) for name, values in found.items()]
