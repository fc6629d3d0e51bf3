#!/usr/bin/env python
"""Make image-level labels and lists of a folder of images, whatever its labels look like.

    python tools/prepare_own_data.py images labels.csv --out data/own
    python tools/prepare_own_data.py images annotations.json --classes animals.txt --out data/own

Labels: our JSON, COCO instances (.json), a table (.csv), the field's .npy, a folder of VOC's XML,
or a folder with one folder of images a class (see tools/make_image_labels.py). Writes, all or
nothing that can be read half:

    image_labels.json    labels of the images that are in the folder
    train.txt, val.txt   ids; every 10th image is for validation, or those of --val
    judged.txt           training images with a mask, if --masks is given

Masks (0 background, k for the k-th class, 255 ignored) only judge. They must have the size of the
image as stored. With them, validation images are every 5th of those that have one.
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
from mmwsss.datasets import label_sources  # noqa: E402
from mmwsss.datasets.classes import COCO_CLASSES, VOC_CLASSES  # noqa: E402
from mmwsss.datasets.image_ids import read_image_ids  # noqa: E402
from mmwsss.datasets.image_labels import FORMAT, ImageLabels  # noqa: E402

# Those that configs/pipelines/own_data.py looks for, in this order.
SUFFIXES = ('.jpg', '.jpeg', '.png', '.JPG', '.JPEG', '.PNG')
SHOWN = 3


def parse_args(argv=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('images', type=Path, help='folder of images, with sub-folders if any')
    parser.add_argument('labels', type=Path, help='label file or folder')
    parser.add_argument('--classes', help='voc, coco or a file with a name a line, in label order')
    parser.add_argument('--val', help='list of validation images, one id a line')
    parser.add_argument('--masks', type=Path, help='folder of masks, to judge with')
    parser.add_argument('--out', type=Path, required=True, help='folder to write to')
    return parser.parse_args(argv)


def read_classes(text):
    """Names in label order; None: those of the labels."""
    if not text:
        return None
    if text in ('voc', 'coco'):
        return VOC_CLASSES if text == 'voc' else COCO_CLASSES
    lines = Path(text).read_text(encoding='utf-8').splitlines()
    return tuple(line.strip() for line in lines if line.strip())


def read_labels(path: Path, classes) -> ImageLabels:
    """Labels of any of the known kinds."""
    if path.is_dir():
        read = (label_sources.from_voc_xml if any(path.glob('*.xml'))
                else label_sources.from_class_folders)
        return read(path, classes)
    if not path.is_file():
        raise FileNotFoundError(f'the labels {path} do not exist')
    if path.suffix == '.csv':
        return label_sources.from_csv(path, classes)
    if path.suffix == '.npy':
        if classes is None:
            raise ValueError(f'{path} holds numbers: name their classes with --classes')
        return label_sources.from_cls_labels(path, classes)
    if path.suffix != '.json':
        raise ValueError(f'{path}: labels are .json, .csv, .npy or a folder')
    content = json.loads(path.read_text(encoding='utf-8-sig'))
    if isinstance(content, dict) and content.get('format') == FORMAT:
        return reordered(ImageLabels.load(path), classes)
    return reordered(label_sources.from_coco_json(path), classes)


def reordered(labels: ImageLabels, classes) -> ImageLabels:
    """The same with the given classes, in their order."""
    return labels if classes is None else ImageLabels(classes, labels.images)


def image_files(folder: Path) -> tuple[dict[str, Path], list[Path]]:
    """Id -> file of the images of a folder, and the files left out: of two with one id the first
    suffix counts."""
    if not folder.is_dir():
        raise FileNotFoundError(f'the image folder {folder} does not exist')
    found: dict[str, Path] = {}
    twins = []
    for suffix in SUFFIXES:
        for path in sorted(folder.rglob(f'*{suffix}')):
            image_id = path.relative_to(folder).with_suffix('').as_posix()
            if found.setdefault(image_id, path) != path:
                twins.append(path)
    return found, twins


def check_masks(folder: Path, ids: list, files: dict) -> None:
    """``ValueError`` for masks that cannot be read or have another size than their image."""
    wrong, turned = [], 0
    for image_id in ids:
        path = folder / f'{image_id}.png'
        if not path.is_file():
            continue
        try:
            with Image.open(path) as mask, Image.open(files[image_id]) as image:
                if mask.size != image.size:
                    wrong.append(f'{path} {mask.width}x{mask.height}, its image '
                                 f'{image.width}x{image.height}')
                    turned += mask.size == image.size[::-1]
        except (OSError, ValueError) as error:
            raise ValueError(f'{path} or its image cannot be read: {error}') from error
    if wrong:
        hint = (f'; {turned} lie across their image, as after an EXIF orientation: turn the '
                'pixels of the images (docs/own_data.md)' if turned else '')
        raise ValueError(f'{len(wrong)} masks have another size than their image: '
                         f'{"; ".join(wrong[:SHOWN])}{hint}')


def report(out: Path, labels: ImageLabels, figures: dict, ids: list, files: dict,
           twins: list) -> None:
    """Say what was made, and what was left out with examples."""
    print(f'{out}: {figures["images"]} images of {figures["classes"]} classes, '
          f'{figures["train"]} to train on and {figures["val"]} held out')
    shown = Counter(name for image_id in ids for name in labels.images[image_id])
    print('images a class: ' + ', '.join(f'{name} {shown[name]}' for name in labels.classes))
    if len(labels.classes) == 1:
        print(one_class(labels.classes[0], shown[labels.classes[0]], len(ids)))
    left_out = {
        f'images without labels (looked for {" ".join(SUFFIXES)})': sorted(set(files) - set(ids)),
        'labels without image': sorted(set(labels.images) - set(ids)),
        'images of the same name as another but for the suffix': [str(path) for path in twins]}
    for what, names in left_out.items():
        if names:
            more = ', ...' if len(names) > SHOWN else ''
            print(f'left out: {len(names)} {what}: {", ".join(names[:SHOWN])}{more}')


def one_class(name: str, shown: int, images: int) -> str:
    """What a single class means for the pipeline."""
    text = ('one class: ReCAM learns nothing from it, so maps come from the classifier alone '
            "(cam_weights='classifier')")
    if shown < images:
        return text
    return (f'{text}. Each image shows {name}: add images without it, with empty labels, or the '
            'classifier has nothing to tell it from')


def split(ids, args: argparse.Namespace) -> tuple[list, list, list]:
    """Training, validation, and judged training images."""
    masked = [] if args.masks is None else [
        image_id for image_id in ids if (args.masks / f'{image_id}.png').is_file()]
    if args.masks is not None and not masked:
        raise ValueError(f'{args.masks} has no mask ID.png of any labelled image')
    if args.val:
        held = read_image_ids(args.val)
        wrong = [image_id for image_id in held if image_id not in set(ids)]
        if wrong:
            raise ValueError(f'{args.val}: {len(wrong)} images are not labelled or not there: '
                             f'{", ".join(wrong[:5])}')
        bare = sorted(set(held) - set(masked)) if args.masks is not None else []
        if bare:
            raise ValueError(f'{args.val}: {len(bare)} images have no mask in {args.masks}: '
                             f'{", ".join(bare[:5])}')
    else:
        held = masked[::5] if masked else ids[::10]
    train = [image_id for image_id in ids if image_id not in set(held)]
    if not train:
        raise ValueError('all images are for validation; none are left to train on')
    return train, held, sorted(set(masked) & set(train))


def main(argv=None) -> int:
    args = parse_args(argv)
    try:
        files, twins = image_files(args.images)
        labels = read_labels(args.labels, read_classes(args.classes))
        ids = sorted(set(labels.images) & set(files))
        if not ids:
            raise ValueError(f'no labelled image is in {args.images}: ids in {args.labels} are '
                             f'like {sorted(labels.images)[:2]}, images like {sorted(files)[:2]}')
        if args.masks is not None:
            check_masks(args.masks, ids, files)
        train, held, judged = split(ids, args)
    except (OSError, ValueError) as error:
        print(f'prepare_own_data: {error}', file=sys.stderr)
        return 1
    args.out.mkdir(parents=True, exist_ok=True)
    labels.select(ids).save(args.out / 'image_labels.json')
    lists = {'train.txt': train, 'val.txt': held, 'judged.txt': judged}
    for name, members in lists.items():
        if members:
            write_atomic(args.out / name, ('\n'.join(members) + '\n').encode())
        else:  # of an earlier call
            (args.out / name).unlink(missing_ok=True)
    figures = dict(images=len(ids), classes=len(labels.classes), train=len(train), val=len(held),
                   judged=len(judged), without_labels=len(files) - len(ids),
                   without_image=len(labels.images) - len(ids), twins=len(twins))
    write_atomic(args.out / 'figures.json', json.dumps(figures, indent=1).encode())
    report(args.out, labels, figures, ids, files, twins)
    return 0


if __name__ == '__main__':
    sys.exit(main())
