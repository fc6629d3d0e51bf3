#!/usr/bin/env python
"""Find background thresholds of activation maps on training images that have masks.

    python tools/search_thresholds.py --maps ACTIVATIONS --gt MASKS --list train.txt
    python tools/search_thresholds.py ... --crf irn --images 200
    python tools/search_thresholds.py ... --thresholds 0.05 0.1 0.2 0.3 0.4 --max-ignored 30

Two tables: one threshold (every pixel gets a label) and two (ignored between them), from one pass
over the images, each with mIoU, precision, recall and the ignored share. With ``--crf`` each
threshold's labels are refined first, as label writing does: T dense CRFs an image.

Masks serve to choose and to judge, never to train. Of two thresholds the pair with the best strict
mIoU is chosen, which counts ignored pixels as missed: mIoU on the labelled pixels alone grows by
ignoring more, and the network trained on such labels need not be better.
"""
import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if (ROOT / 'mmwsss').is_dir():
    sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import torch  # noqa: E402

from mmwsss.atomic_files import prepare_output, write_text_atomic  # noqa: E402
from mmwsss.datasets.image_ids import read_image_ids  # noqa: E402
from mmwsss.datasets.transforms import read_image  # noqa: E402
from mmwsss.evaluation.threshold_grid import ThresholdGrid  # noqa: E402
from mmwsss.labels import ActivationStore, LabelRule  # noqa: E402
from mmwsss.labels.crf_refiner import build_refiner  # noqa: E402
from mmwsss.labels.palette_png import decode_labels  # noqa: E402

THRESHOLDS = (0.05, 0.10, 0.15, 0.20, 0.25, 0.30, 0.35, 0.40, 0.45, 0.50, 0.60, 0.70)
SUFFIXES = ('.jpg', '.jpeg', '.png')


def parse_args(argv=None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--maps', type=Path, required=True, help='store of activation maps')
    parser.add_argument('--gt', type=Path, required=True, help='folder of true masks')
    parser.add_argument('--list', type=Path, required=True,
                        help='image ids, one a line; those without a mask are left out')
    parser.add_argument('--thresholds', type=float, nargs='+', default=THRESHOLDS)
    parser.add_argument('--normalize', choices=['class', 'image', 'none'], default='class',
                        help='as in the rule of LabelWriter')
    parser.add_argument('--crf', help='refine: irn, deeplab or pixel_adaptive; needs --img-dir')
    parser.add_argument('--img-dir', type=Path, help='folder of the images')
    parser.add_argument('--images', type=int, help='only this many, spread over the list')
    parser.add_argument('--max-ignored', type=float, default=100.,
                        help='choose a pair that ignores at most this %% of the pixels')
    parser.add_argument('--json', type=Path, help='write everything here too; its folder is made')
    return parser.parse_args(argv)


def choose_ids(args: argparse.Namespace) -> list:
    """Ids of the list that have a mask, at most ``--images`` of them."""
    listed = read_image_ids(str(args.list))
    ids = [image_id for image_id in listed if (args.gt / f'{image_id}.png').is_file()]
    if not ids:
        raise ValueError(f'none of the {len(listed)} images of {args.list} has a mask in '
                         f'{args.gt}')
    if args.images is not None and args.images < 1:
        raise ValueError(f'--images must be at least 1, got {args.images}')
    count = min(args.images or len(ids), len(ids))
    return [ids[i * len(ids) // count] for i in range(count)]


def search(args: argparse.Namespace) -> dict:
    """Tables of both kinds and the chosen values."""
    if args.crf and args.img_dir is None:
        raise ValueError('--crf needs --img-dir, the folder of the images')
    if args.json:
        prepare_output(args.json)
    store, ids = ActivationStore(args.maps), choose_ids(args)
    grid = ThresholdGrid(args.thresholds, len(store.classes) + 1)
    normalize = None if args.normalize == 'none' else args.normalize
    rules = [LabelRule('threshold', normalize, threshold=value) for value in grid.thresholds]
    refiner = build_refiner(args.crf)
    for image_id in ids:
        path = args.gt / f'{image_id}.png'
        truth = decode_labels(path.read_bytes(), str(path))
        try:
            grid.update(label_maps(args, store, rules, refiner, image_id), truth)
        except ValueError as error:
            raise ValueError(f'{image_id}: {error}') from error
    rows = grid.rows()
    single = [row for row in rows if row['background'] == row['foreground']]
    pairs = [row for row in rows if row['background'] < row['foreground']]
    allowed = [row for row in pairs if row['ignored'] <= args.max_ignored]
    return dict(images=len(ids), single=single, pairs=pairs,
                best_single=max(single, key=lambda row: row['miou']),
                best_pair=max(allowed, key=lambda row: row['strict_miou'], default=None))


def label_maps(args, store: ActivationStore, rules: list, refiner, image_id: str) -> list:
    """The label map of one image at each threshold."""
    classes, maps = store.read(image_id)
    label_ids = [label + 1 for label in classes]
    refine = None
    if refiner is not None:
        image = torch.from_numpy(find_image(args.img_dir, image_id)[:, :, ::-1].copy())
        def refine(labels):
            return refiner(image, labels, classes=[0, *label_ids])
    return [rule(maps, label_ids, refine).numpy() for rule in rules]


def find_image(folder: Path, image_id: str) -> np.ndarray:
    """The image, BGR."""
    for suffix in SUFFIXES:
        if (folder / f'{image_id}{suffix}').is_file():
            return read_image(str(folder / f'{image_id}{suffix}'))
    raise ValueError(f'{folder} has no image {image_id}{{{",".join(SUFFIXES)}}}')


def print_report(result: dict, limit: int = 15) -> None:
    """Both tables, the pairs best first, and what is chosen."""
    print(f'{result["images"]} images with masks')
    print('one threshold      mIoU  precision  recall')
    for row in result['single']:
        print(f'  {row["foreground"]:.3f}          {row["miou"]:6.2f}     '
              f'{row["mean_precision"]:6.2f}  {row["mean_recall"]:6.2f}')
    print('background  foreground   mIoU  strict  precision  recall  ignored')
    pairs = sorted(result['pairs'], key=lambda row: -row['strict_miou'])
    for row in pairs[:limit]:
        print(f'  {row["background"]:.3f}       {row["foreground"]:.3f}     {row["miou"]:6.2f}  '
              f'{row["strict_miou"]:6.2f}     {row["mean_precision"]:6.2f}  '
              f'{row["mean_recall"]:6.2f}   {row["ignored"]:6.2f}')
    print(f'chosen threshold: {result["best_single"]["foreground"]}')
    best = result['best_pair']
    print('chosen pair: none ignores that little' if best is None else
          f'chosen pair: background {best["background"]}, foreground {best["foreground"]}')


def main(argv=None) -> int:
    """Run; 2 and one line for bad input."""
    args = parse_args(argv)
    try:
        result = search(args)
        print_report(result)
        if args.json:
            write_text_atomic(args.json, json.dumps(result, indent=1) + '\n')
    except (ValueError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    sys.exit(main())
