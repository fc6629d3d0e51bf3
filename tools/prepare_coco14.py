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
out, as the field's masks have it. Annotations without area (an empty segmentation, or polygons of
fewer than three points) are counted and not painted. Masks that are there already are left alone;
--overwrite makes them again.
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
SHOWN = 5


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


def with_area(segmentation):
    """Run lengths as they are; of polygons, those of at least three points.

    Raises:
        ValueError: for a polygon that is no list of x, y, x, y, ...
    """
    if isinstance(segmentation, dict):
        return segmentation
    for polygon in segmentation:
        if not isinstance(polygon, list) or len(polygon) % 2:
            raise ValueError(f'{str(polygon)[:60]} is no polygon [x, y, x, y, ...]')
    return [polygon for polygon in segmentation if len(polygon) >= 6]


def objects_by_image(content: dict, path: Path) -> Tuple[List[tuple], List[int]]:
    """(id, height, width, objects) of every image of the file ``path``, and the annotations that
    have no area.

    Objects are (label, segmentation, number of the annotation), in file order.

    Raises:
        ValueError: for damaged entries; names the image and the annotation.
    """
    objects: Dict[int, list] = defaultdict(list)
    without_area = []
    for entry in content['annotations']:
        if entry.get('iscrowd', 0):
            continue
        try:
            label = coco_label(entry['category_id'])
            segmentation = with_area(entry['segmentation'])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f'{path}: image {entry.get("image_id")}, annotation '
                             f'{entry.get("id")}: {problem(error)}') from error
        if segmentation != []:
            objects[entry['image_id']].append((label, segmentation, entry.get('id')))
        else:
            without_area.append(entry.get('id'))
    absent = [(image.get('file_name'), key) for image in content['images']
              for key in ('height', 'width') if key not in image]
    if absent:
        raise ValueError(f'{path}: image {absent[0][0]} has no {absent[0][1]}')
    return [(str(Path(image['file_name']).with_suffix('')), image['height'], image['width'],
             objects[image['id']]) for image in content['images']], without_area


def problem(error: Exception) -> str:
    reason = f'it has no {error}' if isinstance(error, KeyError) else str(error)
    return f'{reason}: mend or remove the annotation'


def decoded(segmentation, height: int, width: int) -> np.ndarray:
    """(H, W) uint8, 1 inside polygons or run lengths."""
    from pycocotools import mask as coco_mask
    if isinstance(segmentation, list):
        runs = coco_mask.merge(coco_mask.frPyObjects(segmentation, height, width))
    elif list(segmentation['size']) != [height, width]:
        raise ValueError(f'its run lengths are of an image of {segmentation["size"]}, this one '
                         f'has [{height}, {width}] (height, width)')
    elif isinstance(segmentation['counts'], list):
        if sum(segmentation['counts']) != height * width:  # pycocotools reads past their end
            raise ValueError(f'its run lengths add up to {sum(segmentation["counts"])}, not '
                             f'{height} x {width}')
        runs = coco_mask.frPyObjects(segmentation, height, width)
    else:
        runs = segmentation
    return coco_mask.decode(runs)


def paint(height: int, width: int, objects: list, image_id: str = '') -> np.ndarray:
    """The mask of one image, (H, W) uint8; later objects over earlier ones.

    Raises:
        ValueError: for a segmentation that cannot be decoded; names image and annotation.
    """
    out = np.zeros((height, width), np.uint8)
    for label, segmentation, number in objects:
        try:
            out[decoded(segmentation, height, width) > 0] = label
        except ModuleNotFoundError:
            raise
        except Exception as error:  # pycocotools raises nearly any of them
            raise ValueError(f'image {image_id}, annotation {number}: {problem(error)}') from error
    return out


def write_mask(folder: Path, image: Tuple[str, int, int, list]) -> None:
    image_id, height, width, objects = image
    mask = paint(height, width, objects, image_id)
    path = folder / f'{image_id}.png'
    path.parent.mkdir(parents=True, exist_ok=True)  # ids may have folders
    write_atomic(path, encode_labels(mask), sync=False)


def write_masks(root: Path, split: str, annotations: Path, overwrite: bool, workers: int) -> str:
    """Write the masks that are missing; returns a line about them."""
    images, without_area = objects_by_image(label_sources.read_json(annotations), annotations)
    folder = root / f'masks_{split}'
    folder.mkdir(exist_ok=True)
    left = [image for image in images
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
    first = ', '.join(map(str, without_area[:SHOWN])) + ', ...' * (len(without_area) > SHOWN)
    more = f'; {len(without_area)} annotations without area: {first}' if without_area else ''
    return f'masks_{split}: {len(left)} masks written{more}'


def prepare(args: argparse.Namespace) -> None:
    for split in args.splits:
        annotations = args.root / 'annotations' / f'instances_{split}.json'
        if not annotations.is_file():
            raise FileNotFoundError(f"{annotations} does not exist: unpack COCO's "
                                    'annotations_trainval2014.zip into the root')
        print(write_labels(args.root, split, annotations))
        if args.masks:
            print(write_masks(args.root, split, annotations, args.overwrite, args.workers))


def main(argv: Optional[List[str]] = None) -> None:
    try:
        prepare(parse_args(argv))
    except (OSError, ValueError) as error:
        sys.exit(f'prepare_coco14: {error}')
    except ModuleNotFoundError as error:
        sys.exit(f'prepare_coco14: {error}: pip install pycocotools')


if __name__ == '__main__':
    main()
