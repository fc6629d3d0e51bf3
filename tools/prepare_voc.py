#!/usr/bin/env python
"""Prepare PASCAL VOC 2012 (and SBD) for training from image-level labels.

    python tools/prepare_voc.py data/VOCdevkit/VOC2012 --sbd data/benchmark_RELEASE/dataset

Writes into VOC2012, and leaves alone what is there already:

    image_labels.json                        classes of every image of the lists, from Annotations
    ImageSets/Segmentation/train_aug.txt     VOC train and SBD, without VOC val (10,582 images)
    SegmentationClassAug/                    VOC's masks and those of SBD: for evaluation only

Without --sbd only image_labels.json is made; --lists names further lists whose images to label.
SBD is the "Semantic Boundaries Dataset": cls/*.mat, train.txt and val.txt of its dataset folder.
"""
import argparse
import os
import sys
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Iterable, List, Optional

ROOT = Path(__file__).resolve().parents[1]
if (ROOT / 'mmwsss').is_dir():
    sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
from rich.progress import track  # noqa: E402
from scipy.io import loadmat  # noqa: E402

from mmwsss.datasets import label_sources  # noqa: E402
from mmwsss.datasets.classes import VOC_CLASSES  # noqa: E402
from mmwsss.datasets.image_ids import read_image_ids  # noqa: E402
from mmwsss.datasets.transforms import read_label  # noqa: E402
from mmwsss.atomic_files import write_atomic  # noqa: E402
from mmwsss.labels.palette_png import encode_labels  # noqa: E402

LISTS = Path('ImageSets/Segmentation')


def parse_args(argv: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('voc', type=Path, help='folder VOC2012')
    parser.add_argument('--sbd', type=Path, help='folder benchmark_RELEASE/dataset')
    parser.add_argument('--lists', nargs='+', default=['train', 'val', 'train_aug'],
                        help='lists in ImageSets/Segmentation whose images get labels')
    parser.add_argument('--overwrite', action='store_true', help='make again what is there')
    parser.add_argument('--workers', type=int, default=min(8, os.cpu_count() or 1),
                        help='processes; 0 for none')
    return parser.parse_args(argv)


def write_train_aug(voc: Path, sbd: Path) -> List[str]:
    """The list of VOC train and of SBD, sorted, without VOC val."""
    ids = set(read_image_ids(str(voc / LISTS / 'train.txt')))
    for split in ('train', 'val'):
        ids |= set(read_image_ids(str(sbd / f'{split}.txt')))
    ids = sorted(ids - set(read_image_ids(str(voc / LISTS / 'val.txt'))))
    write_atomic(voc / LISTS / 'train_aug.txt', ''.join(f'{i}\n' for i in ids).encode())
    return ids


def mask_bytes(voc: Path, sbd: Path, image_id: str) -> bytes:
    """One mask as a palette PNG: VOC's own where it exists, else that of SBD."""
    own = voc / 'SegmentationClass' / f'{image_id}.png'
    if own.is_file():
        return encode_labels(read_label(str(own)).astype(np.uint8))
    path = sbd / 'cls' / f'{image_id}.mat'
    if not path.is_file():
        raise FileNotFoundError(f'{image_id} has neither {own} nor {path}')
    try:
        mask = loadmat(path)['GTcls']['Segmentation'][0, 0]
    except (OSError, KeyError, ValueError, TypeError, IndexError) as error:
        raise ValueError(f'{path} is no mask of SBD: {error}') from error
    return encode_labels(mask.astype(np.uint8))


def write_mask(voc: Path, sbd: Path, image_id: str) -> None:
    path = voc / 'SegmentationClassAug' / f'{image_id}.png'
    write_atomic(path, mask_bytes(voc, sbd, image_id), sync=False)


def write_masks(voc: Path, sbd: Path, ids: Iterable[str], overwrite: bool, workers: int) -> int:
    """Write the masks that are missing; returns how many."""
    folder = voc / 'SegmentationClassAug'
    folder.mkdir(exist_ok=True)
    left = [i for i in ids if overwrite or not (folder / f'{i}.png').is_file()]
    write = partial(write_mask, voc, sbd)
    if workers < 1:
        for image_id in track(left, description='masks', transient=True):
            write(image_id)
    elif left:
        with get_context().Pool(workers) as pool:
            for _ in track(pool.imap_unordered(write, left, chunksize=16), description='masks',
                           total=len(left), transient=True):
                pass
    return len(left)


def write_labels(voc: Path, lists: Iterable[str], workers: int) -> str:
    """Image-level labels of the images of all lists that exist; returns a line about them."""
    present = [voc / LISTS / f'{name}.txt' for name in lists]
    present = [path for path in present if path.is_file()]
    if not present:
        raise FileNotFoundError(f'none of the lists {list(lists)} is in {voc / LISTS}')
    ids = sorted({image_id for path in present for image_id in read_image_ids(str(path))})
    labels = label_sources.from_voc_xml(
        voc / 'Annotations', VOC_CLASSES, ids=ids, workers=workers,
        progress=partial(track, description='annotations', total=len(ids), transient=True))
    labels.save(voc / 'image_labels.json')
    return f'{len(ids)} images of {", ".join(path.stem for path in present)}'


def prepare(args: argparse.Namespace) -> None:
    if not (args.voc / LISTS).is_dir():
        raise FileNotFoundError(f'{args.voc} has no {LISTS}: give the folder VOC2012')
    if args.sbd:
        ids = write_train_aug(args.voc, args.sbd)
        print(f'{LISTS}/train_aug.txt: {len(ids)} images')
        val = read_image_ids(str(args.voc / LISTS / 'val.txt'))
        made = write_masks(args.voc, args.sbd, ids + val, args.overwrite, args.workers)
        print(f'SegmentationClassAug: {made} masks written, {len(ids) + len(val) - made} there')
    if args.overwrite or args.sbd or not (args.voc / 'image_labels.json').is_file():
        print('image_labels.json:', write_labels(args.voc, args.lists, args.workers))
    else:
        print('image_labels.json is there already')


def main(argv: Optional[List[str]] = None) -> None:
    try:
        prepare(parse_args(argv))
    except (OSError, ValueError) as error:
        sys.exit(f'prepare_voc: {error}')


if __name__ == '__main__':
    main()
