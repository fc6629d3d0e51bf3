#!/usr/bin/env python
"""Prepare COCO 2014 for training from image-level labels.

    python tools/prepare_coco14.py data/coco2014
    python tools/prepare_coco14.py data/coco2014 --masks     also masks, for evaluation only

Reads annotations/instances_{train,val}2014.json and writes beside it, for each split:

    image_labels_<split>.json    classes of every image (crowds do not count)
    <split>.txt                  ids of the images that show at least one class
    <split>_unlabelled.txt       ids of those that do not
    masks_<split>/<id>.png       0 background, 1..80 classes by category id

In masks, annotations are painted in file order, later ones over earlier ones, and crowds are left
out, as the field's masks have it. Masks that are there already are left alone; --overwrite makes
them again.
"""
import argparse
import os
import sys
from collections import defaultdict
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Dict, List, Optional, Tuple

ROOT = Path(__file__).resolve().parents[1]
if (ROOT / 'mmwsss').is_dir():
    sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
from rich.progress import track  # noqa: E402

from mmwsss.datasets import label_sources  # noqa: E402
from mmwsss.datasets.classes import COCO_CLASSES, coco_label  # noqa: E402
from mmwsss.atomic_files import write_atomic  # noqa: E402
from mmwsss.labels.palette_png import encode_labels  # noqa: E402

SPLITS = ('train2014', 'val2014')


def parse_args(argv: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('root', type=Path, help='folder with annotations/')
    parser.add_argument('--splits', nargs='+', default=list(SPLITS))
    parser.add_argument('--masks', action='store_true', help='write masks (needs pycocotools)')
    parser.add_argument('--overwrite', action='store_true', help='make masks again')
    parser.add_argument('--workers', type=int, default=min(8, os.cpu_count() or 1),
                        help='processes; 0 for none')
    return parser.parse_args(argv)


def write_labels(root: Path, split: str, annotations: Path) -> str:
    """Labels and lists of one split; returns a line about them."""
    labels = label_sources.from_coco_json(annotations)
    if labels.classes != COCO_CLASSES:
        raise ValueError(f'{annotations} does not have the 80 classes of COCO in their order')
    labels.save(root / f'image_labels_{split}.json')
    empty = set(labels.unlabelled)
    shown = sorted(image_id for image_id in labels.images if image_id not in empty)
    for name, ids in ((split, shown), (f'{split}_unlabelled', sorted(empty))):
        write_atomic(root / f'{name}.txt', ''.join(f'{i}\n' for i in ids).encode())
    return f'{split}: {len(labels.images)} images, {len(empty)} of them without any class'


def objects_by_image(content: dict) -> List[Tuple[str, int, int, list]]:
    """(id, height, width, [(label, segmentation), ...] in file order) of every image."""
    objects: Dict[int, list] = defaultdict(list)
    for entry in content['annotations']:
        if not entry.get('iscrowd', 0):
            objects[entry['image_id']].append(
                (coco_label(entry['category_id']), entry['segmentation']))
    return [(str(Path(image['file_name']).with_suffix('')), image['height'], image['width'],
             objects[image['id']]) for image in content['images']]


def paint(height: int, width: int, objects: list) -> np.ndarray:
    """The mask of one image, (H, W) uint8; later objects over earlier ones."""
    from pycocotools import mask as coco_mask
    out = np.zeros((height, width), np.uint8)
    for label, segmentation in objects:
        if isinstance(segmentation, list):
            runs = coco_mask.merge(coco_mask.frPyObjects(segmentation, height, width))
        elif isinstance(segmentation['counts'], list):
            runs = coco_mask.frPyObjects(segmentation, height, width)
        else:
            runs = segmentation
        out[coco_mask.decode(runs) > 0] = label
    return out


def write_mask(folder: Path, image: Tuple[str, int, int, list]) -> None:
    image_id, height, width, objects = image
    write_atomic(folder / f'{image_id}.png', encode_labels(paint(height, width, objects)),
                 sync=False)


def write_masks(root: Path, split: str, content: dict, overwrite: bool, workers: int) -> int:
    """Write the masks that are missing; returns how many."""
    folder = root / f'masks_{split}'
    folder.mkdir(exist_ok=True)
    left = [image for image in objects_by_image(content)
            if overwrite or not (folder / f'{image[0]}.png').is_file()]
    write = partial(write_mask, folder)
    if workers < 1:
        for image in track(left, description=f'masks {split}', transient=True):
            write(image)
    elif left:
        with get_context().Pool(workers) as pool:
            for _ in track(pool.imap_unordered(write, left, chunksize=16), total=len(left),
                           description=f'masks {split}', transient=True):
                pass
    return len(left)


def prepare(args: argparse.Namespace) -> None:
    for split in args.splits:
        annotations = args.root / 'annotations' / f'instances_{split}.json'
        if not annotations.is_file():
            raise FileNotFoundError(f"{annotations} does not exist: unpack COCO's "
                                    'annotations_trainval2014.zip into the root')
        print(write_labels(args.root, split, annotations))
        if args.masks:
            content = label_sources.read_json(annotations)
            made = write_masks(args.root, split, content, args.overwrite, args.workers)
            print(f'masks_{split}: {made} masks written')


def main(argv: Optional[List[str]] = None) -> None:
    try:
        prepare(parse_args(argv))
    except (OSError, ValueError) as error:
        sys.exit(f'prepare_coco14: {error}')
    except ModuleNotFoundError as error:
        sys.exit(f'prepare_coco14: {error}: pip install pycocotools')


if __name__ == '__main__':
    main()
