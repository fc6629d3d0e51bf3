#!/usr/bin/env python
"""Get the class graph of a data set: a ready one if its classes are known, else from labels.

    python tools/choose_class_graph.py --graph voc --classes voc --out graph.npz
    python tools/choose_class_graph.py --graph auto --labels image_labels.json --list train.txt \\
        --out graph.npz --picture graph.png --json figures.json

``auto`` takes the shipped VOC or COCO graph if it knows every class. Otherwise relations are the
co-occurrence of classes in the image-level labels (ML-GCN's form), and the embedding of a class is
its own direction (one-hot): no outside knowledge. tools/build_class_graph.py makes a graph with
ConceptNet relations and word vectors for any classes; give its file as --graph.
"""
import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if (ROOT / 'mmwsss').is_dir():
    sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from mmwsss.atomic_files import write_atomic  # noqa: E402
from mmwsss.datasets.classes import COCO_CLASSES, VOC_CLASSES  # noqa: E402
from mmwsss.datasets.image_ids import read_image_ids  # noqa: E402
from mmwsss.datasets.image_labels import ImageLabels  # noqa: E402
from mmwsss.knowledge import ClassGraph, cooccurrence_relations  # noqa: E402


def parse_args(argv=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--graph', default='auto', help='auto, voc, coco or an npz')
    parser.add_argument('--classes', help='voc or coco; default: those of --labels')
    parser.add_argument('--labels', type=Path, help='image-level labels (JSON)')
    parser.add_argument('--list', help='only these images count for co-occurrence')
    parser.add_argument('--out', type=Path, required=True, help='npz to write')
    parser.add_argument('--picture', type=Path, help='PNG to draw')
    parser.add_argument('--json', type=Path, help='write the figures here')
    args = parser.parse_args(argv)
    if args.classes not in ('voc', 'coco') and args.labels is None:
        parser.error('needs --classes voc or coco, or --labels')
    return args


def choose(args: argparse.Namespace) -> tuple[ClassGraph, str]:
    """The graph, and a sentence on where it comes from."""
    labels = None if args.labels is None else ImageLabels.load(args.labels)
    names = dict(voc=VOC_CLASSES, coco=COCO_CLASSES).get(args.classes) or labels.classes
    if args.graph != 'auto':
        return ClassGraph.load(args.graph).align(names), f'taken from {args.graph!r}'
    for shipped in ('voc', 'coco'):
        try:
            return (ClassGraph.load(shipped).align(names),
                    f'the ready graph {shipped!r} knows all {len(names)} classes')
        except ValueError as error:  # unknown classes, or two that are one there
            reason = str(error)
    if labels is None:
        raise ValueError(f'no ready graph fits ({reason}), and without --labels there are no '
                         'co-occurrences')
    return from_labels(labels, names, args.list), (
        f'no ready graph fits ({reason}): relations are co-occurrences in {args.labels.name}, '
        'embeddings one direction a class, so that there is no outside knowledge in it')


def from_labels(labels: ImageLabels, names, listing) -> ClassGraph:
    """Co-occurrence relations and one-hot embeddings."""
    ids = read_image_ids(listing) if listing else sorted(labels.images)
    columns = [labels.classes.index(name) for name in names]
    relations = cooccurrence_relations(labels.one_hot(ids)[:, columns])
    return ClassGraph(names, relations, np.eye(len(names), dtype=np.float32), {
        'relations': {'kind': 'co-occurrence', 'images': len(ids)},
        'embeddings': {'kind': 'one-hot'}})


def main(argv=None) -> int:
    args = parse_args(argv)
    try:
        graph, origin = choose(args)
    except (OSError, ValueError, KeyError) as error:
        print(f'choose_class_graph: {error}', file=sys.stderr)
        return 1
    graph.save(args.out)
    print(f'{args.out}: {origin}')
    if args.picture:
        sys.path.insert(0, str(Path(__file__).resolve().parent))
        import plot_class_graph
        plot_class_graph.main([str(args.out), '--out', str(args.picture)])
    if args.json:
        others = graph.relations * (1 - np.eye(len(graph)))
        figures = dict(classes=len(graph), channels=int(graph.embeddings.shape[1]), origin=origin,
                       relations=int((others > 0).sum()))
        write_atomic(args.json, json.dumps(figures, indent=1).encode())
    return 0


if __name__ == '__main__':
    sys.exit(main())
