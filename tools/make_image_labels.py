#!/usr/bin/env python
"""Write the image-level labels of a data set from what there is, as one JSON file.

    python tools/make_image_labels.py xml     VOC2012/Annotations -o labels.json --classes voc
    python tools/make_image_labels.py coco    instances_train2014.json -o labels.json
    python tools/make_image_labels.py masks   SegmentationClass -o labels.json --classes voc
    python tools/make_image_labels.py csv     table.csv -o labels.json
    python tools/make_image_labels.py folders images -o labels.json
    python tools/make_image_labels.py npy     cls_labels.npy -o labels.json --classes voc

--classes: voc, coco, a text file with one foreground class a line, or names parted by commas. It
gives the label order; without it, classes are those that occur (coco: all of the file, by number).
Background is no class: value 0 of masks. Ids have no suffix: two files under one id are an error.
csv: a header image,labels with names parted by ';', or one 0/1 column a class. npy: integers are
ids of VOC (2007000032); --integer-ids says what others become. --check-images FOLDER decodes every
labelled image and leaves out, and lists, those that are missing or broken.
"""
import argparse
import os
import re
import sys
from functools import partial
from pathlib import Path
from typing import Callable, List, Optional, Tuple

ROOT = Path(__file__).resolve().parents[1]
if (ROOT / 'mmwsss').is_dir():
    sys.path.insert(0, str(ROOT))

from rich.progress import track  # noqa: E402

from mmwsss.datasets import label_sources  # noqa: E402
from mmwsss.datasets.classes import COCO_CLASSES, VOC_CLASSES  # noqa: E402
from mmwsss.datasets.image_ids import read_image_ids  # noqa: E402
from mmwsss.datasets.image_labels import ImageLabels  # noqa: E402

LIKE_A_FILE = re.compile(r'\.(txt|csv|json|names|lst|list|ya?ml)$', re.IGNORECASE)


def parse_args(argv: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('kind', choices=['xml', 'coco', 'masks', 'csv', 'folders', 'npy'])
    parser.add_argument('source', type=Path, help='file or folder')
    parser.add_argument('-o', '--out', type=Path, required=True, help='JSON file to write')
    parser.add_argument('--classes', help='foreground classes in label order')
    parser.add_argument('--list', help='only the ids of this text file')
    parser.add_argument('--skip-difficult', action='store_true', help='xml: easy objects only')
    parser.add_argument('--min-pixels', type=int, default=1, help='masks: smaller ones are absent')
    parser.add_argument('--suffix', default='.png', help='masks: their suffix')
    parser.add_argument('--integer-ids', metavar='FORMAT',
                        help="npy: ids of other integers than VOC's, such as "
                        "'COCO_train2014_{:012d}'")
    parser.add_argument('--check-images', type=Path, metavar='FOLDER', help='decode every image')
    parser.add_argument('--workers', type=int, default=min(8, os.cpu_count() or 1),
                        help='processes; 0 for none')
    return parser.parse_args(argv)


def read_classes(text: Optional[str]) -> Optional[Tuple[str, ...]]:
    """``voc``, ``coco``, a file of names, or names parted by commas."""
    if text is None or text in ('voc', 'coco'):
        return {None: None, 'voc': VOC_CLASSES, 'coco': COCO_CLASSES}[text]
    if Path(text).is_file():
        try:
            lines = Path(text).read_text(encoding='utf-8-sig').splitlines()
        except UnicodeDecodeError as error:
            raise ValueError(f'--classes {text} is not UTF-8 ({error}): save it so') from error
        return tuple(line.strip() for line in lines if line.strip())
    names = tuple(name.strip() for name in text.split(','))
    files = [name for name in names if LIKE_A_FILE.search(name)]
    if files:
        raise FileNotFoundError(f'--classes: the file {files[0]} does not exist (the name of a '
                                'class that ends like this must stand in a file)')
    return names


def read_source(args: argparse.Namespace) -> Tuple[ImageLabels, List[str]]:
    """The labels, and lines about what was left out."""
    classes = read_classes(args.classes)
    ids = None if args.list is None else read_image_ids(args.list)
    if args.kind in ('masks', 'npy') and classes is None:
        raise ValueError(f'{args.kind} holds numbers: name their classes with --classes')
    shared = dict(ids=ids, workers=args.workers,
                  progress=progress('reading', None if ids is None else len(ids)))
    if args.kind == 'xml':
        return label_sources.from_voc_xml(args.source, classes,
                                          difficult=not args.skip_difficult, **shared), []
    if args.kind == 'masks':
        return label_sources.from_masks(args.source, classes, suffix=args.suffix,
                                        min_pixels=args.min_pixels, **shared), []
    left_out: List[str] = []
    read = dict(coco=label_sources.from_coco_json, csv=label_sources.from_csv,
                folders=partial(label_sources.from_class_folders, warn=left_out.append),
                npy=partial(label_sources.from_cls_labels, integer_ids=args.integer_ids))
    labels = read[args.kind](args.source, classes=classes)
    return labels if ids is None else labels.select(ids), left_out


def progress(description: str, total: Optional[int]) -> Callable:
    return partial(track, description=description, transient=True, total=total)


def main(argv: Optional[List[str]] = None) -> None:
    args = parse_args(argv)
    try:
        labels, left_out = read_source(args)
        if args.check_images:
            labels, broken = label_sources.without_broken_images(
                labels, args.check_images, args.workers, progress('decoding', len(labels.images)))
            left_out += broken
        labels.save(args.out)
    except (OSError, ValueError) as error:
        sys.exit(f'make_image_labels: {error}')
    for line in left_out:
        print(f'left out: {line}')
    empty = labels.unlabelled
    more = f'; {len(empty)} without any class: {", ".join(empty[:5])}' if empty else ''
    print(f'{args.out}: {len(labels.images)} images, {len(labels.classes)} classes{more}')


if __name__ == '__main__':
    main()
