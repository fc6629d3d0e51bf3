#!/usr/bin/env python
"""Segment an image, or all images of a folder, with a trained model.

    python tools/infer.py CONFIG CHECKPOINT picture.jpg --out results
    python tools/infer.py CONFIG CHECKPOINT folder --out results --long-side 500

Writes labels/NAME.png (class numbers, with a palette) and overlays/NAME.jpg (colours over the
image), and prints the classes of each image with their share of it. Needs the config and the
checkpoint of the segmentation stage, and no data set, knowledge or ImageNet files. Images are as
they come: grey, transparent, 16 bit. One that cannot be read is named and passed over; the exit
status then is 1. --long-side: models are trained on images of about 500 pixels (the small sets:
384 and 128); photographs of a camera want to be shrunk to what the model knows.
"""
import argparse
import os.path as osp
import sys
import warnings
from pathlib import Path

ROOT = osp.dirname(osp.dirname(osp.abspath(__file__)))
if osp.isdir(osp.join(ROOT, 'mmwsss')):
    sys.path.insert(0, ROOT)

SMALLEST_SHARE = 0.005


def parse_args(argv=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config of the segmentation stage')
    parser.add_argument('checkpoint', help='its checkpoint')
    parser.add_argument('input', help='image or folder')
    parser.add_argument('--out', type=Path, required=True, help='folder to write to')
    parser.add_argument('--long-side', type=int, help='resize images for the network')
    parser.add_argument('--opacity', type=float, default=0.5, help='of the colours, 0 to 1')
    parser.add_argument('--device', help='cpu, cuda, cuda:1, ...; default: a GPU if there is one')
    args = parser.parse_args(argv)
    if not 0 <= args.opacity <= 1:
        parser.error('--opacity must be 0 to 1')
    if args.long_side is not None and args.long_side < 32:
        parser.error('--long-side must be at least 32')
    return args


def overlay(image, labels, opacity: float):
    """Colours of the labels over an image; the background stays as it is.

    Args:
        image: (H, W, 3) uint8.
        labels: (H, W) uint8.

    Returns:
        (H, W, 3) uint8.
    """
    import numpy as np

    from mmwsss.labels.palette_png import voc_palette
    weight = opacity * (labels > 0)[..., None]
    return np.round(image * (1 - weight) + voc_palette()[labels] * weight).astype(np.uint8)


def write_result(out: Path, name: str, path: Path, labels, opacity: float) -> None:
    """Both pictures of an image."""
    from PIL import Image

    from mmwsss.atomic_files import replacing, write_atomic
    from mmwsss.datasets.transforms import read_image
    from mmwsss.labels.palette_png import encode_labels
    for folder in ('labels', 'overlays'):
        (out / folder / name).parent.mkdir(parents=True, exist_ok=True)
    painted = overlay(read_image(str(path))[..., ::-1], labels, opacity)
    with replacing(out / 'overlays' / f'{name}.jpg', sync=False) as draft:
        Image.fromarray(painted).save(draft, format='JPEG', quality=92)
    write_atomic(out / 'labels' / f'{name}.png', encode_labels(labels), sync=False)


def shares(labels, classes) -> str:
    """What is in a label map, largest first."""
    import numpy as np
    count = np.bincount(labels.ravel(), minlength=len(classes)) / labels.size
    order = [k for k in np.argsort(-count) if count[k] >= SMALLEST_SHARE]
    return ', '.join(f'{classes[k]} {100 * count[k]:.0f} %' for k in order)


def segment_all(segmentor, images, args: argparse.Namespace) -> int:
    """Number of images that could not be read."""
    from mmwsss.datasets.transforms import UnreadableImageError
    failed = 0
    for name, path in images.items():
        try:
            labels = segmentor(path)
            write_result(args.out, name, path, labels, args.opacity)
        except UnreadableImageError as error:
            failed += 1
            print(f'left out: {error}', file=sys.stderr, flush=True)
            continue
        print(f'{name}: {shares(labels, segmentor.classes)}', flush=True)
    return failed


def main(argv=None) -> int:
    args = parse_args(argv)
    warnings.filterwarnings('ignore')
    import torch
    from mmengine.logging import MMLogger

    import mmwsss  # noqa: F401  (registers)
    from mmwsss.engine import CheckpointError, launch
    from mmwsss.engine.inference import Segmentor, find_images
    MMLogger.get_current_instance().setLevel('ERROR')
    device = args.device or ('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        images = find_images(args.input)
        segmentor = Segmentor(launch.load_config(args.config, ROOT), args.checkpoint, device,
                              args.long_side)
        failed = segment_all(segmentor, images, args)
    except (OSError, ValueError, CheckpointError) as error:
        print(f'infer: {error}', file=sys.stderr)
        return 1
    print(f'{args.out}: {len(images) - failed} of {len(images)} images')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
