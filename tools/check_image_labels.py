#!/usr/bin/env python
"""Check image-level labels before anything is trained on them.

    python tools/check_image_labels.py image_labels.json --images JPEGImages --list train.txt \\
        --classes voc --json figures.json

Every listed image must have an entry, exist, and be readable as far as its header; every name must
be one of the classes. Prints images per class, warns about classes without any image, images
without any class and images that an EXIF orientation turns, and ends with an error for what
training could not survive.
"""
import argparse
import json
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if (ROOT / 'mmwsss').is_dir():
    sys.path.insert(0, str(ROOT))

from PIL import Image  # noqa: E402

from mmwsss.atomic_files import write_atomic  # noqa: E402
from mmwsss.datasets.classes import COCO_CLASSES, VOC_CLASSES  # noqa: E402
from mmwsss.datasets.image_ids import read_image_ids  # noqa: E402
from mmwsss.datasets.image_labels import ImageLabels, missing_labels  # noqa: E402
from mmwsss.datasets.label_sources import find_images  # noqa: E402

SHOWN = 5
ORIENTATION = 0x0112  # EXIF; 1 is upright


def parse_args(argv=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('labels', type=Path, help='JSON of tools/make_image_labels.py')
    parser.add_argument('--images', type=Path, required=True, help='their folder')
    parser.add_argument('--list', help='ids to check, one a line; default: all of the file')
    parser.add_argument('--classes', help='voc or coco; default: the classes of the file')
    parser.add_argument('--json', type=Path, help='write the figures here')
    return parser.parse_args(argv)


def read_headers(paths: dict) -> tuple[list, list]:
    """A line for each image whose header cannot be read, or that has no pixels; and the ids of
    those that a viewer turns or mirrors."""
    lines, turned = [], []
    for image_id, path in paths.items():
        try:
            with Image.open(path) as image:
                if 0 in image.size:
                    raise ValueError('it has no pixels')
                if image.getexif().get(ORIENTATION, 1) not in (0, 1):
                    turned.append(image_id)
        except (OSError, ValueError, Image.DecompressionBombError) as error:
            lines.append(f'{image_id}: {error}')
    return lines, turned


def first(names) -> str:
    names = list(names)
    return ', '.join(names[:SHOWN]) + (', ...' if len(names) > SHOWN else '')


def check(args: argparse.Namespace) -> dict:
    """The figures; ``ValueError`` names everything that is wrong at once."""
    labels = ImageLabels.load(args.labels)
    classes = dict(voc=VOC_CLASSES, coco=COCO_CLASSES).get(args.classes, labels.classes)
    ids = read_image_ids(args.list) if args.list else sorted(labels.images)
    problems = []
    lacking = [image_id for image_id in ids if image_id not in labels.images]
    if lacking:
        problems.append(missing_labels(lacking, len(ids)))
    known = [image_id for image_id in ids if image_id in labels.images]
    counts = Counter(name for image_id in known for name in labels.images[image_id])
    unknown = sorted(set(counts) - set(classes))
    if unknown:
        problems.append(f'{len(unknown)} names are no classes of {args.classes}: {first(unknown)}')
    paths, absent = find_images(args.images, ids)
    if absent:
        problems.append(f'{len(absent)} of {len(ids)} images are not in {args.images}: '
                        f'{first(absent)}')
    broken, turned = read_headers(paths)
    if broken:
        problems.append(f'{len(broken)} images cannot be read: {first(broken)}')
    if known and not counts:
        problems.append('no image has any class')
    if problems:
        raise ValueError('\n'.join(f'{args.labels}: {problem}' for problem in problems))
    empty = [image_id for image_id in known if not labels.images[image_id]]
    return dict(images=len(ids), classes=len(classes), unlabelled=len(empty), turned=len(turned),
                labels_per_image=round(sum(counts.values()) / max(len(ids), 1), 3),
                classes_without_images=sum(name not in counts for name in classes),
                images_of_class={name: counts[name] for name in classes})


def main(argv=None) -> int:
    args = parse_args(argv)
    try:
        figures = check(args)
    except (OSError, ValueError) as error:
        print(f'check_image_labels: {error}', file=sys.stderr)
        return 1
    for name, count in figures['images_of_class'].items():
        print(f'{count:7d}  {name}')
    print(f'{figures["images"]} images, {figures["labels_per_image"]:g} classes in each on '
          f'average, {figures["unlabelled"]} without any')
    missing = [name for name, count in figures['images_of_class'].items() if not count]
    if missing:
        print(f'no image of {len(missing)} classes: {", ".join(missing)}')
    if figures['turned']:
        print(f'{figures["turned"]} images carry an EXIF orientation, which nothing here applies: '
              'they are seen as stored, lying on their side or head. Turn the pixels '
              '(docs/own_data.md), unless their masks lie in the same way')
    if args.json:
        write_atomic(args.json, json.dumps(figures, indent=1).encode())
    return 0


if __name__ == '__main__':
    sys.exit(main())
