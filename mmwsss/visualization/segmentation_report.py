"""One HTML file that shows what a segmentation run did: pictures, IoU table, loss curve, commands.

C: number of classes with the background. H, W: size of an image.
"""
import base64
import io
import json
import platform
from importlib import metadata
from pathlib import Path
from typing import Dict, Iterable, List, Sequence, Tuple

import numpy as np
from jinja2 import Environment, PackageLoader, select_autoescape
from PIL import Image

from mmwsss.atomic_files import write_text_atomic
from mmwsss.labels.palette_png import decode_labels, voc_palette

VOID = 255
_PACKAGES = ('mmwsss', 'torch', 'torchvision', 'onedl-mmengine', 'onedl-mmcv',
             'onedl-mmsegmentation', 'onedl-mmpretrain', 'mmengine', 'mmcv', 'mmsegmentation',
             'mmpretrain', 'numpy')


def confusion_matrix(pairs: Iterable[Tuple[np.ndarray, np.ndarray]],
                     num_classes: int) -> np.ndarray:
    """Count pixels by true and predicted class.

    Args:
        pairs: (label, prediction), each uint8 (H, W); label 255 is left out.
        num_classes: C.

    Returns:
        int64 (C, C), rows true, columns predicted.

    Raises:
        ValueError: sizes differ, or a value is outside 0..C-1.
    """
    total = np.zeros(num_classes ** 2, np.int64)
    for label, prediction in pairs:
        if label.shape != prediction.shape:
            raise ValueError(f'a label is {label.shape}, its prediction {prediction.shape}')
        known = label != VOID
        true, predicted = label[known].astype(np.int64), prediction[known]
        worst = max(true.max(initial=0), predicted.max(initial=0))
        if worst >= num_classes:
            raise ValueError(f'value {worst} in a label or prediction, but there are '
                             f'{num_classes} classes')
        total += np.bincount(true * num_classes + predicted, minlength=num_classes ** 2)
    return total.reshape(num_classes, num_classes)


def iou_per_class(confusion: np.ndarray) -> np.ndarray:
    """Intersection over union of each class, (C,), NaN for a class not there."""
    hit = np.diag(confusion).astype(float)
    union = confusion.sum(0) + confusion.sum(1) - hit
    return np.divide(hit, union, out=np.full(len(hit), np.nan), where=union > 0)


def read_scalars(work_dir: Path) -> List[Dict[str, float]]:
    """Logged training values of a work dir in the order of their steps.

    A run that was cut off and resumed has several logs; for a step logged twice the later counts.

    Raises:
        FileNotFoundError: no log with a loss.
    """
    rows: Dict[int, Dict[str, float]] = {}
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


def _read_label(path: Path) -> np.ndarray:
    return decode_labels(path.read_bytes(), str(path))


def label_pairs(ids: Sequence[str], labels: Path,
                predictions: Path) -> Iterable[Tuple[np.ndarray, np.ndarray]]:
    """Yield (label, prediction) of each image, uint8 (H, W)."""
    for image_id in ids:
        yield (_read_label(labels / f'{image_id}.png'),
               _read_label(predictions / f'{image_id}.png'))


def _data_url(image: Image.Image, kind: str) -> str:
    buffer = io.BytesIO()
    image.save(buffer, format=kind, quality=85)
    text = base64.b64encode(buffer.getvalue()).decode('ascii')
    return f'data:image/{kind.lower()};base64,{text}'


def _coloured(label: np.ndarray) -> Image.Image:
    return Image.fromarray(voc_palette()[label])


def sample_rows(ids: Sequence[str], images: Path, labels: Path, predictions: Path,
                classes: Sequence[str]) -> List[dict]:
    """What the report shows of each image: pictures as data URLs, the classes, the mean IoU."""
    rows = []
    for image_id, (label, prediction) in zip(ids, label_pairs(ids, labels, predictions)):
        with Image.open(images / f'{image_id}.jpg') as picture:
            shown = _data_url(picture.convert('RGB'), 'JPEG')
        present = [k for k in np.unique(label) if 0 < k < VOID]
        iou = iou_per_class(confusion_matrix([(label, prediction)], len(classes)))
        rows.append(dict(
            id=image_id, image=shown, label=_data_url(_coloured(label), 'PNG'),
            prediction=_data_url(_coloured(prediction), 'PNG'),
            classes=', '.join(classes[k] for k in present),
            iou=f'{100 * float(np.nanmean(iou)):.1f}'))
    return rows


def loss_curve(scalars: Sequence[Dict[str, float]]) -> str:
    """All logged losses over the iterations, as an SVG data URL."""
    from matplotlib.figure import Figure
    figure = Figure(figsize=(7, 3), layout='constrained')
    axes = figure.subplots()
    names = sorted({key for row in scalars for key in row if 'loss' in key})
    for name in names:
        points = [(row['step'], row[name]) for row in scalars if name in row]
        axes.plot(*zip(*points), label=name, linewidth=2 if name == 'loss' else 1)
    axes.set_xlabel('iteration')
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format='svg')
    return 'data:image/svg+xml;base64,' + base64.b64encode(buffer.getvalue()).decode('ascii')


def installed_versions() -> Dict[str, str]:
    """Versions of Python, the machine and the packages a result depends on."""
    found = {'Python': platform.python_version(), 'system': platform.platform()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def write_report(out: Path, *, title: str, classes: Sequence[str], ids: Sequence[str],
                 images: Path, labels: Path, predictions: Path,
                 scalars: Sequence[Dict[str, float]], commands: Sequence[str],
                 shown: int = 12) -> Dict[str, float]:
    """Write the report.

    Args:
        out: the HTML file.
        title: its heading.
        classes: (C,) names, background first.
        ids: images that were tested.
        images: folder of ``ID.jpg``.
        labels: folder of the true ``ID.png``.
        predictions: folder of the predicted ``ID.png``.
        scalars: see :func:`read_scalars`.
        commands: what to type to get the same.
        shown: how many images to show, spread over ``ids``.

    Returns:
        IoU in per cent by class name, classes that occur only, and ``'mean'``.
    """
    iou = 100 * iou_per_class(confusion_matrix(label_pairs(ids, labels, predictions),
                                               len(classes)))
    table = {name: float(value) for name, value in zip(classes, iou) if not np.isnan(value)}
    table['mean'] = float(np.nanmean(iou))
    chosen = [ids[k] for k in np.linspace(0, len(ids) - 1, min(shown, len(ids))).astype(int)]
    colours = {name: '#%02x%02x%02x' % tuple(voc_palette()[k]) for k, name in enumerate(classes)}
    template = Environment(loader=PackageLoader('mmwsss.visualization', 'templates'),
                           autoescape=select_autoescape(default=True)).get_template('report.j2')
    html = template.render(
        title=title, table=table, colours=colours, count=len(ids), commands=commands,
        rows=sample_rows(chosen, images, labels, predictions, classes),
        curve=loss_curve(scalars), last=scalars[-1], versions=installed_versions())
    write_text_atomic(out, html)
    return table
