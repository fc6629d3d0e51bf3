"""Write an HTML report: one file that opens from disk, needs no network and runs no script.

Of a pipeline, finished or not (WORK is its --work-dir):

    python tools/make_report.py WORK
    python tools/make_report.py WORK --out report.html

Of a single training and its predictions on a VOC-shaped data set:

    python tools/test.py CONFIG CHECKPOINT --out PREDICTIONS
    python tools/make_report.py WORK_DIR --data data/toy --predictions PREDICTIONS --out FILE
"""
import argparse
import sys
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if (ROOT / 'mmwsss').is_dir():
    sys.path.insert(0, str(ROOT))


def parse_args(argv=None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('work', type=Path, help='work dir of a pipeline or of a training')
    parser.add_argument('--out', type=Path, help='the HTML file; default: WORK/report.html')
    parser.add_argument('--shown', type=int, default=12, help='images to choose')
    single = parser.add_argument_group('a single training')
    single.add_argument('--data', type=Path, help='VOC-shaped data root')
    single.add_argument('--predictions', type=Path, help='folder of predicted PNGs')
    single.add_argument('--split', default='val', help='list in ImageSets/Segmentation')
    single.add_argument('--labels', default='SegmentationClass', help='folder of true labels')
    single.add_argument('--classes', choices=('voc', 'coco'), default='voc')
    single.add_argument('--title', default='Segmentation network')
    single.add_argument('--command', action='append', default=[], dest='commands',
                        help='a command to show; may be given several times')
    args = parser.parse_args(argv)
    if (args.data is None) != (args.predictions is None):
        parser.error('a single training needs both --data and --predictions')
    if args.shown < 1:
        parser.error(f'--shown {args.shown}: must be at least 1')
    return args


def describe(args: argparse.Namespace):
    """The run that the report is about."""
    from mmwsss.datasets.classes import COCO_CLASSES, VOC_CLASSES
    from mmwsss.visualization import is_pipeline, read_run, single_run
    if args.data is None:
        return read_run(args.work)
    if is_pipeline(args.work):
        raise ValueError(f'{args.work} is the work dir of a pipeline: leave --data and '
                         '--predictions out')
    return single_run(
        args.work, data=args.data, predictions=args.predictions, title=args.title,
        classes=dict(voc=VOC_CLASSES, coco=COCO_CLASSES)[args.classes], split=args.split,
        labels=args.labels, commands=args.commands)


def print_table(table: dict) -> None:
    """IoU by class, a column for each kind of labels."""
    width = max(len(row['name']) for row in table['rows'])
    print(' ' * width + ''.join(f'{name:>15}' for name in table['groups']))
    for name, cells in [*((row['name'], row['cells']) for row in table['rows']),
                        ('mean', table['mean'])]:
        print(f'{name:>{width}}' + ''.join(
            f'{"-" if cell is None else format(cell, ".1f"):>15}' for cell in cells[::3]))


def main(argv=None) -> int:
    """Write the report, print IoU and where it is; 2 and one line for bad input."""
    args = parse_args(argv)
    warnings.filterwarnings('ignore')
    from mmwsss.visualization import write_report
    out = args.out or args.work / 'report.html'
    try:
        content = write_report(describe(args), out, args.shown)
    except (OSError, ValueError) as error:
        print(f'make_report: {error}', file=sys.stderr)
        return 2
    if content['table'] is not None:
        print_table(content['table'])
    for note in content['notes']:
        print(f'not shown: {note}')
    print(f'wrote {out}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
