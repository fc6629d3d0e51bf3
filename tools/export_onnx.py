#!/usr/bin/env python
"""Write a trained segmentor as an ONNX file, and check it against torch.

    python tools/export_onnx.py CONFIG CHECKPOINT model.onnx
    python tools/export_onnx.py CONFIG CHECKPOINT model.onnx --size 512 512 --image picture.jpg

The file takes `image` (batch, 3, H, W), float32, RGB, 0..255, at the --size given, and returns
`logits` (batch, classes, H, W): the class of a pixel is the largest. Normalisation is inside; the
names of the classes are in its metadata. At the end onnxruntime runs it on noise and on --image;
the exit status is 1 if its scores are not those of torch. Needs pip install onnx onnxruntime.
"""
import argparse
import os.path as osp
import sys
import warnings
from importlib.util import find_spec

ROOT = osp.dirname(osp.dirname(osp.abspath(__file__)))
if osp.isdir(osp.join(ROOT, 'mmwsss')):
    sys.path.insert(0, ROOT)


def parse_args(argv=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config of the segmentation stage')
    parser.add_argument('checkpoint', help='its checkpoint')
    parser.add_argument('out', help='file to write')
    parser.add_argument('--size', nargs=2, type=int, default=[512, 512], metavar=('H', 'W'),
                        help='of the images it will take; default 512 512')
    parser.add_argument('--image', help='check it on this image too')
    parser.add_argument('--opset', type=int, default=17, help='ONNX operator set; default 17')
    args = parser.parse_args(argv)
    if min(args.size) < 32:
        parser.error('--size must be at least 32 32')
    return args


def test_images(args: argparse.Namespace):
    """(B, 3, H, W) float32 RGB: noise, and the image if one is given."""
    import numpy as np
    from PIL import Image

    from mmwsss.datasets.transforms import read_image
    height, width = args.size
    images = [np.random.RandomState(0).randint(0, 256, (height, width, 3))]
    if args.image:
        picture = Image.fromarray(np.ascontiguousarray(read_image(args.image)[..., ::-1]))
        images.append(np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR)))
    return np.ascontiguousarray(np.stack(images).transpose(0, 3, 1, 2), dtype=np.float32)


def main(argv=None) -> int:
    args = parse_args(argv)
    warnings.filterwarnings('ignore')
    missing = [name for name in ('onnx', 'onnxruntime') if find_spec(name) is None]
    if missing:
        print(f'export_onnx: needs {" and ".join(missing)}: pip install {" ".join(missing)}',
              file=sys.stderr)
        return 1
    from mmengine.logging import MMLogger

    import mmwsss  # noqa: F401  (registers)
    from mmwsss.engine import CheckpointError, launch
    from mmwsss.engine.inference import Segmentor
    from mmwsss.engine.onnx_export import TOLERANCE, compare, export_onnx
    MMLogger.get_current_instance().setLevel('ERROR')
    try:
        segmentor = Segmentor(launch.load_config(args.config, ROOT), args.checkpoint)
        images = test_images(args)
        export_onnx(segmentor.model, segmentor.classes, args.out, tuple(args.size), args.opset)
        apart, others = compare(segmentor.model, args.out, images)
    except (OSError, ValueError, CheckpointError) as error:
        print(f'export_onnx: {error}', file=sys.stderr)
        return 1
    print(f'{args.out}: {osp.getsize(args.out) / 2**20:.1f} MiB, {len(segmentor.classes)} classes,'
          f' {args.size[0]}x{args.size[1]}; onnxruntime against torch: scores differ by '
          f'{apart:.1e} of the largest, {100 * others:.3f} % of pixels have another class')
    if apart > TOLERANCE:
        print(f'export_onnx: a difference above {TOLERANCE:g} is no rounding; do not use the file',
              file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
