#!/usr/bin/env python
"""Quality of walked activation maps for several numbers of steps and β, of one boundary network.

    python benchmarks/walk_parameters.py configs/irn/irn_effnetlite0_vocmini.py \\
        work_dirs/irn_effnetlite0_vocmini/iter_240.pth --images JPEGImages \\
        --gt SegmentationClassAug --list train.txt --every 6 --steps 32 64 128 256 \\
        --classes cat cow dog horse person sheep

Edges are computed once an image and walked with each setting. Each row is judged at its best
background threshold of 256; mIoU is over background and ``--classes``, precision and recall over
``--classes``. ``--crf irn`` adds, for each of ``--thresholds``, labels without and with that CRF
after the walk (one setting of steps and β only). Masks judge; nothing is trained.
"""
import argparse
import sys
from pathlib import Path
from typing import Dict, List, Tuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import torch  # noqa: E402
from mmengine.registry import MODELS, init_default_scope  # noqa: E402
from mmengine.runner import load_checkpoint  # noqa: E402

import mmwsss  # noqa: E402,F401
from benchmarks._measure import print_table  # noqa: E402
from mmwsss.datasets.classes import VOC_CLASSES  # noqa: E402
from mmwsss.datasets.image_ids import read_image_ids  # noqa: E402
from mmwsss.datasets.transforms import read_image  # noqa: E402
from mmwsss.engine import launch  # noqa: E402
from mmwsss.evaluation.label_quality import (  # noqa: E402
    THRESHOLDS,
    ThresholdCurve,
    count_labels,
    label_quality,
)
from mmwsss.labels import LabelRule  # noqa: E402
from mmwsss.labels.crf_refiner import build_refiner  # noqa: E402
from mmwsss.labels.palette_png import decode_labels  # noqa: E402

NUM_CLASSES = 1 + len(VOC_CLASSES)
Setting = Tuple[int, float]


def parse_args(argv=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='of a boundary network with a walk')
    parser.add_argument('checkpoint')
    parser.add_argument('--images', type=Path, required=True, help='folder of .jpg images')
    parser.add_argument('--gt', type=Path, required=True, help='folder of true masks')
    parser.add_argument('--list', required=True, help='image ids, one a line')
    parser.add_argument('--every', type=int, default=1, help='every n-th image of the list')
    parser.add_argument('--steps', type=int, nargs='+', default=[64])
    parser.add_argument('--beta', type=float, nargs='+', default=[10.])
    parser.add_argument('--classes', nargs='+', default=VOC_CLASSES, help='that count')
    parser.add_argument('--crf', help='irn, deeplab or pixel_adaptive')
    parser.add_argument('--thresholds', type=float, nargs='+', default=[0.65, 0.70, 0.75, 0.80])
    args = parser.parse_args(argv)
    if args.crf and len(args.steps) * len(args.beta) > 1:
        parser.error('--crf goes with one value of --steps and of --beta')
    return args


def load_network(config: str, checkpoint: str):
    """The boundary network in eval mode."""
    cfg = launch.load_config(config, str(ROOT))
    init_default_scope('mmseg')
    network = MODELS.build(cfg.model)
    load_checkpoint(network, checkpoint, map_location='cpu')
    return network.eval()


@torch.no_grad()
def walked(network, image: np.ndarray, image_id: str, settings: List[Setting]):
    """Label ids, the maps as stored, and the walked maps of each setting.

    Args:
        image: (H, W, 3) uint8, BGR.
    """
    size = image.shape[:2]
    tensor = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)
    inputs = network.data_preprocessor(dict(inputs=[tensor], data_samples=None), False)['inputs']
    edges, walk = network.edges(inputs, size), network.walk
    classes, start = walk.start(image_id, size, size)
    maps = {}
    for walk.steps, walk.beta in settings:
        maps[walk.steps, walk.beta], = walk(edges, [start], size, [size])
    return [label + 1 for label in classes], walk.store.read(image_id, size)[1], maps


def row(name: str, quality: dict, threshold: float, counted: List[int]) -> List[str]:
    """Cells: means over the classes that count."""
    mean = {key: float(np.nanmean(np.asarray(quality[key])[counted[key != 'iou':]]))
            for key in ('iou', 'precision', 'recall')}
    return [name, f'{threshold:.2f}', *(f'{mean[key]:.2f}' for key in mean)]


def best_row(name: str, curve: ThresholdCurve, counted: List[int]) -> List[str]:
    """The row of the threshold with the best mIoU."""
    qualities = [curve.quality(index) for index in range(THRESHOLDS)]
    index = int(np.nanargmax([np.nanmean(np.asarray(q['iou'])[counted]) for q in qualities]))
    return row(name, qualities[index], index / (THRESHOLDS - 1), counted)


def main(argv=None) -> int:
    args = parse_args(argv)
    network = load_network(args.config, args.checkpoint)
    settings = [(steps, beta) for beta in args.beta for steps in args.steps]
    curves: Dict[object, ThresholdCurve] = {
        key: ThresholdCurve(NUM_CLASSES) for key in ['no walk', *settings]}
    refiner = build_refiner(args.crf)
    counts: Dict[Tuple[float, bool], np.ndarray] = {}
    for image_id in read_image_ids(args.list)[::args.every]:
        image = read_image(str(args.images / f'{image_id}.jpg'))
        path = args.gt / f'{image_id}.png'
        truth = decode_labels(path.read_bytes(), str(path))
        labels, stored, maps = walked(network, image, image_id, settings)
        curves['no walk'].update(stored.clamp(0, 1).numpy(), labels, truth)
        for setting, found in maps.items():
            curves[setting].update(found.numpy(), labels, truth)
        if refiner is not None:
            rgb = torch.from_numpy(np.ascontiguousarray(image[..., ::-1]))
            for threshold in args.thresholds:
                given = LabelRule('threshold', threshold=threshold)(maps[settings[0]], labels)
                refined = refiner(rgb, given, [0, *labels])
                for key, made in ((False, given), (True, refined)):
                    counts[threshold, key] = counts.get((threshold, key), 0) + count_labels(
                        made.numpy(), truth, NUM_CLASSES)
    counted = [0, *sorted(1 + VOC_CLASSES.index(name) for name in args.classes)]
    rows = [best_row(key if isinstance(key, str) else f'{key[0]} steps, beta {key[1]:g}', curve,
                     counted) for key, curve in curves.items()]
    rows += [row(f'with {args.crf}' if key else 'without', label_quality(count), threshold,
                 counted) for (threshold, key), count in counts.items()]
    print_table('Walked maps, %', ['walk', 'threshold', 'mIoU', 'precision', 'recall'], rows)
    return 0


if __name__ == '__main__':
    sys.exit(main())
