"""Write a rendered, VOC-shaped toy data set: six VOC classes, telling parts, clutter, occlusion.

    python tools/make_toy_dataset.py data/toy
    python tools/make_toy_dataset.py data/toy_large --train 2000 --val 200 --size 192x256 --seed 1

The same arguments give the same bytes. A set that is there already is left alone.
"""
import argparse
import sys
from pathlib import Path

from rich.progress import track

ROOT = Path(__file__).resolve().parents[1]
if (ROOT / 'mmwsss').is_dir():
    sys.path.insert(0, str(ROOT))

from mmwsss.toy import ToySpec, write_toy_dataset  # noqa: E402


def parse_size(text: str) -> tuple:
    """``'96x128'`` -> ``(96, 128)``, height first."""
    height, cross, width = text.lower().partition('x')
    if not (cross and height.isdigit() and width.isdigit()):
        raise argparse.ArgumentTypeError(f'size must be HEIGHTxWIDTH, such as 96x128, got {text}')
    return int(height), int(width)


def parse_args(argv=None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    spec = ToySpec()
    parser.add_argument('out', type=Path, help='folder to write; absent, empty or a toy set')
    parser.add_argument('--train', type=int, default=spec.train, help='training images')
    parser.add_argument('--val', type=int, default=spec.val, help='validation images')
    parser.add_argument('--seed', type=int, default=spec.seed, help='of everything in the images')
    parser.add_argument('--size', type=parse_size, default=(spec.height, spec.width),
                        metavar='HxW', help='of each image, in pixels')
    parser.add_argument('--boundary', type=int, default=spec.boundary,
                        help='width of the void line around objects, 0 for none')
    parser.add_argument('--overwrite', action='store_true',
                        help='replace a toy set made with other arguments')
    return parser.parse_args(argv)


def main(argv=None) -> None:
    """Write the set, with a progress bar."""
    args = parse_args(argv)
    try:
        spec = ToySpec(args.train, args.val, args.seed, *args.size, args.boundary)
        ticks = iter(track(range(spec.train + spec.val), description='rendering', transient=True))
        written = write_toy_dataset(args.out, spec, args.overwrite, lambda count: next(ticks))
    except (ValueError, OSError) as error:
        sys.exit(f'make_toy_dataset: {error}')
    done = 'wrote' if written else 'already there:'
    print(f'{done} {args.out} ({spec.train} train, {spec.val} val, {spec.height}x{spec.width})')


if __name__ == '__main__':
    main()
