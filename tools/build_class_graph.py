"""Build the class graph of any list of classes.

python tools/build_class_graph.py --classes voc --conceptnet conceptnet-assertions-5.7.0.csv.gz \\
    --vectors glove.6B.300d.txt --out graphs/voc.npz
python tools/build_class_graph.py --classes farm.txt --conceptnet FILE --vectors FILE \\
    --out farm.npz

The class file has a class a line, in label order without the background: "tractor" or
"tractor: farm tractor, machine" with other words to try. docs/class_graphs.md tells the whole way.

With --graph, a graph that is there already is changed, and ConceptNet is not needed:

python tools/build_class_graph.py --graph voc --vectors glove.6B.300d.txt --out voc_glove.npz
python tools/build_class_graph.py --graph voc_glove.npz --relations cooccurrence \\
    --labels image_labels.json --list train_aug.txt --out voc_glove_cooccurrence.npz
"""
import argparse
import hashlib
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
if (ROOT / 'mmwsss').is_dir():
    sys.path.insert(0, str(ROOT))

from mmwsss.datasets.image_ids import read_image_ids  # noqa: E402
from mmwsss.datasets.image_labels import ImageLabels  # noqa: E402
from mmwsss.datasets.label_sources import from_cls_labels  # noqa: E402
from mmwsss.knowledge import (COOCCURRENCE_FORMS, DROPPED_RELATIONS,  # noqa: E402
                              ClassGraph, ConvergenceError, build_class_graph,
                              cached_conceptnet, cooccurrence_relations, identity_relations,
                              random_relations, read_class_list, read_conceptnet,
                              replace_vectors)
from mmwsss.knowledge.names import match  # noqa: E402


def parse_args(argv=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--classes', help='voc, coco or a file with a class a line')
    parser.add_argument('--conceptnet', help='conceptnet-assertions-*.csv, plain or .gz')
    parser.add_argument('--vectors', help='GloVe text, fastText .vec or word2vec binary')
    parser.add_argument('--graph', help='instead of --conceptnet: a class graph (voc, coco or an '
                        'npz) to give other --vectors, --relations or --classes')
    parser.add_argument('--out', required=True, help='npz to write')
    parser.add_argument('--relations', default='walk',
                        choices=('walk', 'cooccurrence', 'identity', 'random'),
                        help='walk: ConceptNet (default); the others replace its matrix')
    parser.add_argument('--labels',
                        help='image-level labels for --relations cooccurrence: JSON of '
                        'tools/make_image_labels.py, or a cls_labels.npy in class order')
    parser.add_argument('--list', help='only these images of --labels, one id a line: keep '
                        'validation images out')
    parser.add_argument('--form', default='ml-gcn', choices=COOCCURRENCE_FORMS,
                        help='of co-occurrence; --threshold and --reweight belong to ml-gcn')
    parser.add_argument('--threshold', type=float, default=0.4, help='of co-occurrence')
    parser.add_argument('--reweight', type=float, default=0.2, help='of co-occurrence')
    parser.add_argument('--seed', type=int, default=0, help='of --relations random')
    parser.add_argument('--directed', action='store_true',
                        help='edges one way, as written (the reference); default: both ways')
    parser.add_argument('--drop', nargs='*', default=list(DROPPED_RELATIONS), metavar='RELATION',
                        help='relations to leave out (default: the seven of the reference)')
    parser.add_argument('--language', default='en')
    parser.add_argument('--restart', type=float, default=0.15, help='restart probability c')
    parser.add_argument('--tol', type=float, default=1e-13, help='L1 tolerance of the walk')
    parser.add_argument('--min-edges', type=int, default=5,
                        help='neighbours that a concept needs to stand for a class')
    parser.add_argument('--cache', help='folder of ConceptNet caches (default: ~/.cache/mmwsss)')
    parser.add_argument('--no-cache', action='store_true', help='neither read nor write a cache')
    parser.add_argument('--quiet', action='store_true', help='no progress lines')
    return parser.parse_args(argv)


def read_labels(path: str, names, image_list: str = None) -> np.ndarray:
    """Image-level labels as 0/1 rows (images, classes of the graph), matched by name.

    A ``cls_labels.npy`` holds no names; its columns are taken in the order of the graph's.
    """
    npy = Path(path).suffix == '.npy'
    labels = from_cls_labels(path, names) if npy else ImageLabels.load(path)
    if image_list:
        labels = labels.select(read_image_ids(image_list))
    columns = match(labels.classes, names)
    rows = np.zeros((len(labels.images), len(names)))
    for row, image_id in zip(rows, labels.images):
        row[[columns[i] for i in labels.indices(image_id)]] = 1
    return rows


def cooccurrence(graph: ClassGraph, args: argparse.Namespace) -> tuple:
    """Relations by ``--labels``, and how they were made."""
    if not args.labels:
        raise ValueError('--relations cooccurrence needs --labels FILE')
    labels = read_labels(args.labels, graph.names, args.list)
    record = dict(form=args.form, file=Path(args.labels).name, images=len(labels),
                  sha256=hashlib.sha256(Path(args.labels).read_bytes()).hexdigest())
    if args.list:
        record.update(list=Path(args.list).name)
    if args.form == 'ml-gcn':
        record.update(threshold=args.threshold, reweight=args.reweight)
    return cooccurrence_relations(labels, args.threshold, args.reweight, args.form), record


def replace_relations(graph: ClassGraph, args: argparse.Namespace) -> ClassGraph:
    """The graph with the kind of relations that was asked for."""
    if args.relations == 'walk':
        return graph
    if args.relations == 'cooccurrence':
        relations, record = cooccurrence(graph, args)
    elif args.relations == 'identity':
        relations, record = identity_relations(len(graph)), {}
    else:
        relations = random_relations(len(graph), args.seed, like=graph.relations)
        record = dict(seed=args.seed,
                      values='those of the graph before, dealt out at random')
    provenance = {**graph.provenance, 'relations': {'kind': args.relations, **record}}
    if 'classes' in provenance:  # concepts stand for nothing any more, words still do
        provenance['classes'] = {
            name: {key: value for key, value in fields.items() if not key.startswith('concept')}
            for name, fields in provenance['classes'].items()}
    return ClassGraph(graph.names, relations, graph.embeddings, provenance)


def build(args: argparse.Namespace) -> ClassGraph:
    """From ConceptNet and word vectors, or from another graph."""
    progress = False if args.quiet else None
    names, synonyms = read_class_list(args.classes) if args.classes else (None, {})
    for file in filter(None, (args.conceptnet, args.vectors)):
        if not Path(file).expanduser().is_file():
            raise FileNotFoundError(f'no such file: {file}')
    if args.graph:
        if args.conceptnet:
            raise ValueError('--graph brings relations along, --conceptnet makes new ones: give '
                             'one of them')
        graph = ClassGraph.load(args.graph)
        graph = graph if names is None else graph.align(names)
        return replace_vectors(graph, args.vectors, synonyms, progress) if args.vectors else graph
    missing = [f'--{name}' for name in ('classes', 'conceptnet', 'vectors')
               if not getattr(args, name)]
    if missing:
        raise ValueError(f'{", ".join(missing)} missing; or give --graph')
    if args.no_cache:
        edges = read_conceptnet(args.conceptnet, args.language, progress)
    else:
        edges = cached_conceptnet(args.conceptnet, args.language, args.cache, progress)
    return build_class_graph(names, edges, args.vectors, synonyms, not args.directed, args.drop,
                             args.restart, args.tol, args.min_edges, progress)


def report(graph: ClassGraph, seconds: float) -> None:
    """What was made, and everything that is not as plain as the name."""
    print(f'{graph!r} in {seconds:.1f} s')
    source = graph.provenance.get('relations', {})
    if source.get('malformed_lines'):
        print(f'  {source["malformed_lines"]:,} malformed lines left out, such as '
              f'{source["first_malformed"][0]!r}')
    for name, record in graph.provenance.get('classes', {}).items():
        notes = []
        if record.get('concept_found_as', 'name') != 'name':
            notes.append(f'concept {record["concept"]!r} ({record["concept_found_as"]})')
        if 'lemmas' in record:
            notes.append('vector of ' + ', '.join(record['lemmas'].values()))
        if 'filled' in record:
            notes.append('vector of ' + '; '.join(
                f'{word!r} from its neighbours {", ".join(near)}'
                for word, near in record['filled'].items()))
        if notes:
            print(f'  {name}: {", ".join(notes)}')


def main(argv=None) -> int:
    args = parse_args(argv)
    began = time.monotonic()
    try:
        graph = replace_relations(build(args), args)
        graph.save(args.out)
    except (ValueError, OSError, ConvergenceError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    report(graph, time.monotonic() - began)
    print(f'written to {args.out}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
