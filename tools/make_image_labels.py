#!/usr/bin/env python
"""Write the image-level labels of a data set from what there is, as one JSON file.

    python tools/make_image_labels.py xml     VOC2012/Annotations -o labels.json --classes voc
    python tools/make_image_labels.py coco    instances_train2014.json -o labels.json
    python tools/make_image_labels.py masks   SegmentationClass -o labels.json --classes voc
    python tools/make_image_labels.py csv     table.csv -o labels.json
    python tools/make_image_labels.py folders images -o labels.json
    python tools/make_image_labels.py npy     cls_labels.npy -o labels.json --classes voc

--classes: voc, coco, a text file with one foreground class a line, or names parted by commas. It
gives the label order; without it, classes are those that occur. csv: a header image,labels with
names parted by ';', or one 0/1 column a class. --check-images FOLDER decodes every labelled image
and leaves out, and lists, those that are missing or broken.
"""
import argparse
import os
import sys
from functools import partial
from pathlib import Path
from typing import List, Optional, Tuple

ROOT = Path(__file__).resolve().parents[1]
if (ROOT / 'mmwsss').is_dir():
    sys.path.insert(0, str(ROOT))

from rich.progress import track  # noqa: E402

from mmwsss.datasets import label_sources  # noqa: E402
from mmwsss.datasets.classes import COCO_CLASSES, VOC_CLASSES  # noqa: E402
from mmwsss.datasets.image_ids import read_image_ids  # noqa: E402
from mmwsss.datasets.image_labels import ImageLabels  # noqa: E402
from mmwsss.datasets.transforms import read_image  # noqa: E402


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
    parser.add_argument('--check-images', type=Path, metavar='FOLDER', help='decode every image')
    parser.add_argument('--workers', type=int, default=min(8, os.cpu_count() or 1),
                        help='processes; 0 for none')
    return parser.parse_args(argv)


def read_classes(text: Optional[str]) -> Optional[Tuple[str, ...]]:
    """``voc``, ``coco``, a file of names, or names parted by commas."""
    if text is None or text in ('voc', 'coco'):
        return {None: None, 'voc': VOC_CLASSES, 'coco': COCO_CLASSES}[text]
    if Path(text).is_file():
        lines = Path(text).read_text(encoding='utf-8').splitlines()
        return tuple(line.strip() for line in lines if line.strip())
    return tuple(name.strip() for name in text.split(','))


def read_source(args: argparse.Namespace) -> ImageLabels:
    classes = read_classes(args.classes)
    ids = None if args.list is None else read_image_ids(args.list)
    if args.kind in ('masks', 'npy') and classes is None:
        raise ValueError(f'{args.kind} holds numbers: name their classes with --classes')
    shared = dict(ids=ids, workers=args.workers,
                  progress=partial(track, description='reading', transient=True,
                                   total=None if ids is None else len(ids)))
    if args.kind == 'xml':
        return label_sources.from_voc_xml(args.source, classes,
                                          difficult=not args.skip_difficult, **shared)
    if args.kind == 'masks':
        return label_sources.from_masks(args.source, classes, suffix=args.suffix,
                                        min_pixels=args.min_pixels, **shared)
    read = dict(coco=lambda path, names: label_sources.from_coco_json(path),
                csv=label_sources.from_csv, folders=label_sources.from_class_folders,
                npy=label_sources.from_cls_labels)[args.kind]
    labels = read(args.source, classes)
    return labels if ids is None else labels.select(ids)


def without_broken_images(labels: ImageLabels, folder: Path) -> Tuple[ImageLabels, List[str]]:
    """Labels of the images that decode, and a line for each of the others."""
    broken = {}
    for image_id in track(sorted(labels.images), description='decoding', transient=True):
        paths = [folder / f'{image_id}{s}' for s in label_sources.IMAGE_SUFFIXES]
        path = next((path for path in paths if path.is_file()), paths[0])
        try:
            read_image(str(path))
        except (OSError, ValueError) as error:
            broken[image_id] = str(error)
    kept = {k: names for k, names in labels.images.items() if k not in broken}
    return ImageLabels(labels.classes, kept), list(broken.values())


def main(argv: Optional[List[str]] = None) -> None:
    args = parse_args(argv)
    try:
        labels, broken = read_source(args), []
        if args.check_images:
            labels, broken = without_broken_images(labels, args.check_images)
        labels.save(args.out)
    except (OSError, ValueError) as error:
        sys.exit(f'make_image_labels: {error}')
    for line in broken:
        print(f'left out: {line}')
    empty = labels.unlabelled
    more = f'; {len(empty)} without any class: {", ".join(empty[:5])}' if empty else ''
    print(f'{args.out}: {len(labels.images)} images, {len(labels.classes)} classes{more}')


if __name__ == '__main__':
    main()
