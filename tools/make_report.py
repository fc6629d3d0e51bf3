"""Write an HTML report of a trained and tested segmentation model on a VOC-shaped data set.

    python tools/test.py CONFIG CHECKPOINT --out PREDICTIONS
    python tools/make_report.py WORK_DIR --data data/toy --predictions PREDICTIONS --out FILE
"""
import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if (ROOT / 'mmwsss').is_dir():
    sys.path.insert(0, str(ROOT))


def parse_args(argv=None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('work_dir', type=Path, help='work dir of the training, for the loss curve')
    parser.add_argument('--data', type=Path, required=True, help='VOC-shaped data root')
    parser.add_argument('--predictions', type=Path, required=True, help='folder of predicted PNGs')
    parser.add_argument('--out', type=Path, required=True, help='the HTML file')
    parser.add_argument('--split', default='val', help='list in ImageSets/Segmentation')
    parser.add_argument('--labels', default='SegmentationClass', help='folder of true labels')
    parser.add_argument('--title', default='DeepLabV2 with graph reasoning on the toy set')
    parser.add_argument('--command', action='append', default=[], dest='commands',
                        help='a command to show; may be given several times')
    parser.add_argument('--shown', type=int, default=12, help='how many images to show')
    return parser.parse_args(argv)


def main(argv=None) -> None:
    """Write the report and print the table."""
    args = parse_args(argv)
    from mmwsss.knowledge.names import VOC_CLASSES
    from mmwsss.visualization import read_scalars, write_report
    listing = args.data / 'ImageSets' / 'Segmentation' / f'{args.split}.txt'
    try:
        table = write_report(
            args.out, title=args.title, classes=('background', *VOC_CLASSES),
            ids=listing.read_text(encoding='utf-8').split(), images=args.data / 'JPEGImages',
            labels=args.data / args.labels, predictions=args.predictions,
            scalars=read_scalars(args.work_dir), commands=args.commands, shown=args.shown)
    except (OSError, ValueError) as error:
        sys.exit(f'make_report: {error}')
    for name, value in table.items():
        print(f'{name:>12} {value:5.1f}')
    print(f'wrote {args.out}')


if __name__ == '__main__':
    main()
