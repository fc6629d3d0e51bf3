r"""Make proposals for P-GNN from stored activation maps, or cut down those of a detector.

    python tools/make_proposals.py --activations work_dirs/cam_r50_voc/activations \
        --out data/proposals.json
    python tools/make_proposals.py --detections wsod_results.json --top 15 \
        --out data/proposals.json

Boxes of activation maps are those around their connected components at several thresholds. The
result is a COCO result file: a JSON list of {"image_id", "category_id", "bbox": [x, y, width,
height], "score"}, which LoadProposals reads; category_id is the class index + 1. A detector's file
may also be {"annotations": list, "categories": list}, and stays so. Nothing but image-level labels
went into either, as long as the detector had nothing else. Images without boxes, such as
validation images when the store holds training images, count as one background patch.
"""
import argparse
import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Tuple

ROOT = Path(__file__).resolve().parents[1]
if (ROOT / 'mmwsss').is_dir():
    sys.path.insert(0, str(ROOT))

from mmwsss.atomic_files import write_atomic  # noqa: E402
from mmwsss.datasets.detections import best_boxes, read_detections  # noqa: E402
from mmwsss.labels import ActivationStore  # noqa: E402
from mmwsss.labels.component_boxes import component_boxes  # noqa: E402


def parse_args(argv=None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument('--activations', type=Path, help='store of activation maps')
    source.add_argument('--detections', type=Path, help='COCO result file of a detector')
    parser.add_argument('--out', type=Path, required=True, help='the file to write')
    parser.add_argument('--top', type=int, default=15, help='boxes an image')
    parser.add_argument('--thresholds', type=float, nargs='+', default=[0.3, 0.5, 0.7],
                        help='of the maps')
    parser.add_argument('--min-share', type=float, default=0.005,
                        help='smallest component, as a share of the image')
    return parser.parse_args(argv)


def from_activations(args: argparse.Namespace) -> Tuple[list, list]:
    """Detections of all images of a store, in the order of their ids; no categories."""
    store = ActivationStore(args.activations)
    detections = []
    for image_id in store.ids():
        classes, maps, size = store.read_stored(image_id)
        boxes = component_boxes(maps, classes, size, store.stride, args.thresholds,
                                args.min_share)
        detections += [dict(image_id=image_id, category_id=box['label'] + 1, bbox=box['bbox'],
                            score=round(box['score'], 4)) for box in boxes[:args.top]]
    return detections, []


def from_detections(args: argparse.Namespace) -> Tuple[list, list]:
    """The best detections of each image, as they are, and the categories of the file."""
    found, categories = read_detections(str(args.detections))
    by_image = defaultdict(list)
    for detection in found:
        by_image[detection.image_id].append(detection)
    best = [detection.entry for image_id in by_image
            for detection in best_boxes(by_image[image_id], args.top)]
    return best, [dict(id=i, name=name) for i, name in categories.items()]


def main(argv=None) -> int:
    """Run; 2 and one line for bad input."""
    args = parse_args(argv)
    try:
        if args.top < 1:
            raise ValueError(f'--top must be at least 1, got {args.top}')
        detections, categories = (from_activations(args) if args.activations else
                                  from_detections(args))
    except (OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    args.out.parent.mkdir(parents=True, exist_ok=True)
    content = dict(annotations=detections, categories=categories) if categories else detections
    write_atomic(args.out, json.dumps(content).encode())
    images = len({detection['image_id'] for detection in detections})
    print(f'{len(detections)} boxes of {images} images in {args.out}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
