#!/usr/bin/env python
"""Prepare PASCAL VOC 2012 (and SBD) for training from image-level labels.

    python tools/prepare_voc.py data/VOCdevkit/VOC2012 --sbd data/benchmark_RELEASE/dataset

Writes into VOC2012, and leaves alone what is there already (--overwrite makes it again):

    image_labels.json                        classes of every image of the lists, from Annotations
    ImageSets/Segmentation/train_aug.txt     VOC train and SBD, without VOC val (10,582 images)
    SegmentationClassAug/                    VOC's masks and those of SBD: for evaluation only

Without --sbd only image_labels.json is made. --lists names the lists whose images to label,
instead of those of train, val and train_aug that are there. Images that an image_labels.json lacks
are added to it.
SBD is the "Semantic Boundaries Dataset": cls/*.mat, train.txt and val.txt of its dataset folder.
"""
import argparse
import os
import sys
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Iterable, List, Optional, Tuple

ROOT = Path(__file__).resolve().parents[1]
if (ROOT / 'mmwsss').is_dir():
    sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
from rich.progress import track  # noqa: E402
from scipy.io import loadmat  # noqa: E402

from mmwsss.datasets import label_sources  # noqa: E402
from mmwsss.datasets.classes import VOC_CLASSES  # noqa: E402
from mmwsss.datasets.image_ids import read_image_ids  # noqa: E402
from mmwsss.datasets.image_labels import ImageLabels  # noqa: E402
from mmwsss.datasets.transforms import check_label_values, read_label  # noqa: E402
from mmwsss.atomic_files import write_atomic  # noqa: E402
from mmwsss.labels.palette_png import encode_labels  # noqa: E402

LISTS = Path('ImageSets/Segmentation')
USUAL_LISTS = ('train', 'val', 'train_aug')
AGAIN = '--overwrite makes it again'


def parse_args(argv: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('voc', type=Path, help='folder VOC2012')
    parser.add_argument('--sbd', type=Path, help='folder benchmark_RELEASE/dataset')
    parser.add_argument('--lists', nargs='+', metavar='NAME',
                        help='lists in ImageSets/Segmentation whose images get labels (default: '
                        f'those of {" ".join(USUAL_LISTS)} that are there)')
    parser.add_argument('--overwrite', action='store_true', help='make again what is there')
    parser.add_argument('--workers', type=int, default=min(8, os.cpu_count() or 1),
                        help='processes; 0 for none')
    return parser.parse_args(argv)


def label_lists(voc: Path, names: Optional[List[str]], sbd: bool) -> List[Path]:
    """Files of the lists whose images get labels; ``sbd`` will make train_aug.

    Raises:
        FileNotFoundError: if one of ``names`` is not there; says which lists are.
    """
    there = sorted(path.stem for path in (voc / LISTS).glob('*.txt'))
    coming = {*there, 'train_aug'} if sbd else set(there)
    absent = [name for name in names or () if name not in coming]
    chosen = [name for name in names or USUAL_LISTS if name in coming]
    if absent or not chosen:
        raise FileNotFoundError(f'{voc / LISTS} has no list {", ".join(absent or USUAL_LISTS)}; '
                                f'there are: {", ".join(there) or "none"}')
    return [voc / LISTS / f'{name}.txt' for name in chosen]


def train_aug(voc: Path, sbd: Path, overwrite: bool) -> Tuple[List[str], str]:
    """Ids of VOC train and of SBD, sorted, without VOC val, and a line about their list; an
    existing list is taken as it is."""
    path = voc / LISTS / 'train_aug.txt'
    if path.is_file() and not overwrite:
        ids = read_image_ids(str(path))
        return ids, f'{len(ids)} images, there already ({AGAIN})'
    found = set(read_image_ids(str(voc / LISTS / 'train.txt')))
    for split in ('train', 'val'):
        found |= set(read_image_ids(str(sbd / f'{split}.txt')))
    ids = sorted(found - set(read_image_ids(str(voc / LISTS / 'val.txt'))))
    write_atomic(path, ''.join(f'{i}\n' for i in ids).encode())
    return ids, f'{len(ids)} images'


def sbd_mask(path: Path) -> np.ndarray:
    """The mask of an SBD file, (H, W) uint8 with 0..20 and 255.

    Raises:
        ValueError: if it is no such file, or damaged; names it.
    """
    try:
        mask = np.asarray(loadmat(path)['GTcls']['Segmentation'][0, 0])
        if mask.ndim != 2 or mask.dtype.kind not in 'iu':
            raise ValueError(f'an array of shape {mask.shape}, {mask.dtype}')
    except Exception as error:  # loadmat answers damaged files with nearly any of them
        raise ValueError(f'{path} is no mask of SBD ({type(error).__name__}: {error}): unpack SBD '
                         'again') from error
    check_label_values(mask, 1 + len(VOC_CLASSES), str(path))
    return mask.astype(np.uint8)


def mask_bytes(voc: Path, sbd: Path, image_id: str) -> bytes:
    """One mask as a palette PNG: VOC's own where it exists, else that of SBD."""
    own = voc / 'SegmentationClass' / f'{image_id}.png'
    if own.is_file():
        return encode_labels(read_label(str(own)).astype(np.uint8))
    path = sbd / 'cls' / f'{image_id}.mat'
    if not path.is_file():
        raise FileNotFoundError(f'{image_id} has neither {own} nor {path}')
    return encode_labels(sbd_mask(path))


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


def labels_there(path: Path) -> ImageLabels:
    """An existing label file; without one, labels of no image."""
    if not path.is_file():
        return ImageLabels(VOC_CLASSES, {})
    try:
        return ImageLabels.load(path)
    except ValueError as error:
        raise ValueError(f'{error}; {AGAIN}') from error


def write_labels(voc: Path, lists: Iterable[Path], overwrite: bool, workers: int) -> str:
    """Add the image-level labels that are missing of the lists' images; returns a line about
    them."""
    path = voc / 'image_labels.json'
    names = ', '.join(path.stem for path in lists)
    ids = sorted({image_id for path in lists for image_id in read_image_ids(str(path))})
    old = ImageLabels(VOC_CLASSES, {}) if overwrite else labels_there(path)
    new = [image_id for image_id in ids if image_id not in old.images]
    if not new:
        return f'all {len(ids)} images of {names} are there already ({AGAIN})'
    other = sorted(set(old.classes) - set(VOC_CLASSES))
    if other:
        raise ValueError(f'{path} lacks {len(new)} images of {names} and has a class {other[0]!r} '
                         f'that VOC has not: move it away, or {AGAIN}')
    labels = label_sources.from_voc_xml(
        voc / 'Annotations', VOC_CLASSES, ids=new, workers=workers,
        progress=partial(track, description='annotations', total=len(new), transient=True))
    ImageLabels(VOC_CLASSES, {**old.images, **labels.images}).save(path)
    kept = f' ({len(new)} added to {len(old.images)} there; {AGAIN})' if old.images else ''
    return f'{len(ids)} images of {names}{kept}'


def prepare(args: argparse.Namespace) -> None:
    if not (args.voc / LISTS).is_dir():
        raise FileNotFoundError(f'{args.voc} has no {LISTS}: give the folder VOC2012')
    lists = label_lists(args.voc, args.lists, sbd=bool(args.sbd))
    if args.sbd:
        ids, line = train_aug(args.voc, args.sbd, args.overwrite)
        print(f'{LISTS}/train_aug.txt: {line}')
        val = read_image_ids(str(args.voc / LISTS / 'val.txt'))
        wanted = sorted({*ids, *val})
        made = write_masks(args.voc, args.sbd, wanted, args.overwrite, args.workers)
        print(f'SegmentationClassAug: {made} masks written, {len(wanted) - made} there')
    print('image_labels.json:', write_labels(args.voc, lists, args.overwrite, args.workers))


def main(argv: Optional[List[str]] = None) -> None:
    try:
        prepare(parse_args(argv))
    except (OSError, ValueError) as error:
        sys.exit(f'prepare_voc: {error}')


if __name__ == '__main__':
    main()
