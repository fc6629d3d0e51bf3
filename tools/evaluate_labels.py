"""How good pseudo labels or activation maps are: IoU, precision, recall, FP and FN rates.

    python tools/evaluate_labels.py --pred LABELS --gt SegmentationClassAug --list train.txt
    python tools/evaluate_labels.py --pred ACTIVATIONS --gt MASKS --list train.txt --curve FILE.png

LABELS is a folder of PNGs or a label store, ACTIVATIONS a store of activation maps: for those, the
best of 256 background thresholds is shown, and ``--curve`` plots them all. Images that the store
lists as unreadable are left out, and the report says so. Masks with official annotations are used
to judge only; choose a threshold on the training list.
"""
import argparse
import contextlib
import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if (ROOT / 'mmwsss').is_dir():
    sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from mmwsss.atomic_files import prepare_output, replacing, write_text_atomic  # noqa: E402
from mmwsss.datasets.image_ids import read_image_ids  # noqa: E402
from mmwsss.evaluation.label_quality import (  # noqa: E402
    ThresholdCurve,
    count_labels,
    label_quality,
)
from mmwsss.labels import ActivationStore, LabelStore, kind_of_store  # noqa: E402
from mmwsss.labels.palette_png import decode_labels  # noqa: E402

COLUMNS = ('iou', 'precision', 'recall', 'fp_rate', 'fn_rate')


def parse_args(argv=None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--pred', type=Path, required=True, help='folder of PNGs, or a store')
    parser.add_argument('--gt', type=Path, required=True, help='folder of true masks')
    parser.add_argument('--list', type=Path, required=True, help='image ids, one a line')
    parser.add_argument('--num-classes', type=int, default=21, help='background included')
    parser.add_argument('--version', type=int, help='of a label store; default: the current one')
    parser.add_argument('--json', type=Path, help='write everything here too')
    parser.add_argument('--curve', type=Path, help='plot of the threshold curve (activations)')
    return parser.parse_args(argv)


def kind_of(folder: Path) -> str:
    """'activations', 'labels' (a store of them) or 'folder'."""
    if not folder.is_dir():
        raise ValueError(f'{folder}: no such folder')
    return kind_of_store(folder) or 'folder'


def prepare_outputs(args: argparse.Namespace, kind: str) -> None:
    """Make the folders of --json and --curve; raise if something cannot be written in the end."""
    if args.curve:
        if kind != 'activations':
            raise ValueError(f'--curve needs activation maps, and {args.pred} holds labels')
        from matplotlib.backend_bases import FigureCanvasBase
        known = FigureCanvasBase.get_supported_filetypes()
        if args.curve.suffix[1:].lower() not in known:
            raise ValueError(f'--curve {args.curve}: unknown kind of picture; end the name in one '
                             f'of .{", .".join(sorted(known))}')
    for path in filter(None, (args.json, args.curve)):
        prepare_output(path)


def read_png(folder: Path, image_id: str) -> np.ndarray:
    """Label map of one image."""
    path = folder / f'{image_id}.png'
    if not path.is_file():
        raise ValueError(f'{path}: no such file, but the list names {image_id!r}')
    return decode_labels(path.read_bytes(), str(path))


def evaluate(args: argparse.Namespace) -> dict:
    """Rates of all images of the list, and for activations the curve and its best threshold."""
    kind, ids = kind_of(args.pred), read_image_ids(str(args.list))
    prepare_outputs(args, kind)
    if kind == 'activations':
        return judge_maps(ActivationStore(args.pred), ids, args)
    counts = np.zeros((args.num_classes, args.num_classes + 1), np.int64)
    store = LabelStore(args.pred) if kind == 'labels' else None
    for image_id in ids:
        truth = read_png(args.gt, image_id)
        with naming(image_id):
            labels = store.read(image_id, args.version) if store else read_png(args.pred, image_id)
            counts += count_labels(labels, truth, args.num_classes)
    check_counted(counts.sum(), len(ids), args)
    return dict(images=len(ids), **label_quality(counts))


def judge_maps(store: ActivationStore, ids: list, args: argparse.Namespace) -> dict:
    """Rates at the best threshold, the whole curve, and the images left out, if any."""
    curve, unreadable = ThresholdCurve(args.num_classes), store.unreadable()
    judged = [image_id for image_id in ids if image_id in store or image_id not in unreadable]
    left_out = sorted(set(ids) - set(judged))
    for image_id in judged:
        truth = read_png(args.gt, image_id)
        with naming(image_id):
            classes, maps = store.read(image_id)
            if maps.shape[1:] != truth.shape:  # any maps could be enlarged to any mask
                raise ValueError(f'its maps are of an image of {tuple(maps.shape[1:])} (H, W), '
                                 f'the mask in {args.gt} is {truth.shape}: masks of other images, '
                                 'or of turned or resized ones; name the right folder by --gt')
            curve.update(maps.clamp(0, 1).numpy(), [label + 1 for label in classes], truth)
    check_counted(curve.pixels, len(judged), args)
    best = curve.best()
    return dict(images=len(judged), best_threshold=best / 255, curve=curve.curve(),
                **curve.quality(best), **(dict(unreadable=left_out) if left_out else {}))


@contextlib.contextmanager
def naming(image_id: str) -> Iterator[None]:
    """Let errors name the image."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f'{image_id}: {error}') from error


def check_counted(pixels: int, images: int, args: argparse.Namespace) -> None:
    """Raise if there is nothing to judge."""
    if not images:
        raise ValueError(f'{args.pred} lists all images of {args.list} as unreadable: mend them '
                         'and extract again')
    if not pixels:
        raise ValueError(f'{args.gt}: no pixel of the masks of {images} images has a label other '
                         'than 255, so there is nothing to judge; name the right folder by --gt')


def print_report(result: dict) -> None:
    """A table a class, then the means."""
    print('class  ' + ''.join(f'{name:>11}' for name in COLUMNS))
    for label, row in enumerate(zip(*(result[name] for name in COLUMNS))):
        if not math.isnan(row[0]):
            print(f'{label:5d}  ' + ''.join(f'{value:11.2f}' for value in row))
    means = ('miou', *(f'mean_{name}' for name in COLUMNS[1:]))
    print(' mean  ' + ''.join(f'{result[name]:11.2f}' for name in means))
    print(f'{result["images"]} images, {result["ignored"]:.2f} % of pixels ignored by the labels')
    if 'unreadable' in result:
        first = ', '.join(result['unreadable'][:5])
        print(f'{len(result["unreadable"])} images left out, which the store lists as unreadable: '
              f'{first}{", ..." if len(result["unreadable"]) > 5 else ""}')
    if 'best_threshold' in result:
        best = result['best_threshold']
        print(f'best background threshold {best:.3f} ({round(best * 255)} / 255)')


def plot(curve: dict, path: Path) -> None:
    """mIoU, precision and recall over the threshold."""
    import matplotlib
    matplotlib.use('Agg')
    from matplotlib import pyplot
    figure, axes = pyplot.subplots(figsize=(6, 4))
    for name in ('miou', 'mean_precision', 'mean_recall'):
        axes.plot(curve['threshold'], curve[name], label=name.replace('_', ' '))
    axes.set(xlabel='background threshold', ylabel='%', ylim=(0, 100))
    axes.legend()
    axes.grid(alpha=0.3)
    with replacing(path) as draft:
        figure.savefig(draft, format=path.suffix[1:].lower(), dpi=120, bbox_inches='tight')
    pyplot.close(figure)


def plain(value):
    """As JSON can hold it: lists for arrays, null for NaN."""
    if isinstance(value, dict):
        return {name: plain(entry) for name, entry in value.items()}
    if isinstance(value, np.ndarray):
        return [plain(entry) for entry in value.tolist()]
    return None if isinstance(value, float) and math.isnan(value) else value


def main(argv=None) -> int:
    """Run; 2 and one line for bad input."""
    args = parse_args(argv)
    try:
        result = evaluate(args)
    except (ValueError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    print_report(result)
    if args.json:
        write_text_atomic(args.json, json.dumps(plain(result), indent=1) + '\n')
    if args.curve:
        plot(result['curve'], args.curve)
    return 0


if __name__ == '__main__':
    sys.exit(main())
