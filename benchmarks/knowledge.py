"""Reading ConceptNet and walking on it: speed and memory, beside what else one could use.

pip install scikit-network igraph fast-pagerank      # the peers; those not installed are left out
python benchmarks/knowledge.py                       # everything
python benchmarks/knowledge.py --part walk --quick   # small: shows that it runs, not how fast

read: a gzipped table of ConceptNet 5.7's size and shape, made by repeating and renaming the lines
      of a real one (--conceptnet FILE); a tenth of the lines in the language that is kept.
walk: the relation block of 80 classes on a random graph with power-law degrees, 1.2 M nodes and
      3.4 M edges, L1 tolerance 1e-9. A peer solves --peer-seeds seeds; its time for 80 is what
      these took times 80 over their number (each seed is a run of its own for it).
growth: the same block with other numbers of nodes, edges and classes.

Times are CPU times of this process (one thread), in turns; the median is reported.
"""
import os

os.environ.setdefault('OMP_NUM_THREADS', '1')
os.environ.setdefault('MKL_NUM_THREADS', '1')

import argparse  # noqa: E402
import gzip  # noqa: E402
import json  # noqa: E402
import platform  # noqa: E402
import resource  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
import types  # noqa: E402
from importlib.util import find_spec  # noqa: E402
from pathlib import Path  # noqa: E402
from statistics import median  # noqa: E402

import numpy as np  # noqa: E402
from scipy import sparse  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

# Importing mmwsss brings torch and mmseg, which alone take about 1.2 GiB: memory is measured
# without them.
sys.modules['mmwsss'] = types.ModuleType('mmwsss')
sys.modules['mmwsss'].__path__ = [str(ROOT / 'mmwsss')]

from mmwsss.knowledge import read_conceptnet, walk_between  # noqa: E402
from tests.paths import SHARED  # noqa: E402

LINES, KEPT_SHARE = 34_000_000, 0.1
NODES, EDGES, CLASSES = 1_200_000, 3_400_000, 80
DAMPING, TOL = 0.85, 1e-9
OTHER_LANGUAGES = ('fr', 'de', 'es', 'ja', 'it', 'ru', 'pt', 'la', 'zh')


def peak_mib() -> float:
    """Highest resident size of this process so far; getrusage would count its parent too."""
    status = Path('/proc/self/status')
    if status.is_file():
        return int(status.read_text().split('VmHWM:')[1].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


# ---- reading -----------------------------------------------------------------------------------

def like_conceptnet5(line: bytes, concept_mark: bytes, language: str) -> bytes:
    """A line with renamed concepts, in a language, with metadata as long as ConceptNet 5's."""
    _, relation, start, end, _ = line.split(b'\t')
    ends = [uri.replace(b'/c/en/', b'/c/' + language.encode() + b'/') + concept_mark + b'/n'
            for uri in (start, end)]
    data = (b'{"dataset": "/d/wiktionary/en", "license": "cc:by-sa/4.0", "sources": [{"contributor'
            b'": "/s/resource/wiktionary/en", "process": "/s/process/wikiparsec/2"}], "weight": '
            b'1.0}')
    edge = b'/a/[' + relation + b'/,' + ends[0] + b'/,' + ends[1] + b'/]'
    return b'\t'.join([edge, relation, *ends, data])


def make_table(source: Path, target: Path, lines: int) -> None:
    """A gzip file of many members; the lines in other languages repeat as whole members."""
    with gzip.open(source) as file:
        real = file.read().splitlines()
    part = min(len(real), max(lines // 20, 1000))
    real = real[:part]
    others = gzip.compress(b'\n'.join(
        like_conceptnet5(line, b'', OTHER_LANGUAGES[number % len(OTHER_LANGUAGES)])
        for number, line in enumerate(real)) + b'\n', 6)
    with open(target, 'wb') as file:
        for number in range(round(lines / part)):
            if number % round(1 / KEPT_SHARE):
                file.write(others)
            else:
                mark = b'_%d' % number
                file.write(gzip.compress(b'\n'.join(
                    like_conceptnet5(line, mark, 'en') for line in real) + b'\n', 6))


def read_once(path: str) -> None:
    """In a process of its own, so that its memory is its own."""
    before, began = peak_mib(), time.process_time()
    edges = read_conceptnet(path, progress=False)
    seconds = time.process_time() - began
    print(json.dumps({'lines': edges.description['lines'], 'edges': edges.description['edges'],
                      'concepts': len(edges.concepts), 'cpu_seconds': seconds,
                      'lines_per_second': edges.description['lines'] / seconds,
                      'peak_mib': peak_mib(), 'mib_after_import': before}))


def bench_read(args) -> dict:
    source = Path(args.conceptnet) if args.conceptnet else (
        SHARED / 'data/knowledge/conceptnet4_en_cn5format.tsv.gz' if SHARED else None)
    if source is None or not source.is_file():
        return {'skipped': 'no ConceptNet file: give --conceptnet FILE'}
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / 'table.csv.gz'
        make_table(source, table, args.lines)
        output = subprocess.run([sys.executable, '-W', 'ignore', __file__, '--read-once', table],
                                check=True, capture_output=True, text=True).stdout
        return {'file_mib': table.stat().st_size / 2**20,
                **json.loads(output.strip().splitlines()[-1])}


# ---- walking -----------------------------------------------------------------------------------

def power_law_graph(nodes: int, edges: int, seed: int = 0) -> sparse.csr_matrix:
    """Directed; degrees in and out fall off with exponents 2.1 and 2.3, independently."""
    rng = np.random.default_rng(seed)

    def ends(exponent: float) -> np.ndarray:
        weight = np.cumsum((np.arange(nodes) + 10.0) ** (-1 / (exponent - 1)))
        place = np.searchsorted(weight, rng.random(edges) * weight[-1]).clip(max=nodes - 1)
        return rng.permutation(nodes)[place]

    end, start = ends(2.1), ends(2.3)
    graph = sparse.csr_matrix((np.ones(edges), (start, end)), shape=(nodes, nodes))
    graph.setdiag(0)
    graph.eliminate_zeros()
    return graph


def pick_classes(graph: sparse.csr_matrix, count: int, seed: int = 1) -> np.ndarray:
    """Nodes with many ways out, as concepts that stand for classes have."""
    many = np.flatnonzero(np.diff(graph.indptr) > 20)
    return np.random.default_rng(seed).choice(many, count, replace=False)


def plain_scipy(graph, seeds):
    """The reference's iteration, all seeds together, until the L1 change is below TOL."""
    sums = np.maximum(np.asarray(graph.sum(axis=1)).ravel(), 1e-300)
    step = (sparse.diags(DAMPING / sums) @ graph).T.tocsr()
    start = np.zeros((graph.shape[0], len(seeds)))
    start[seeds, np.arange(len(seeds))] = 1
    walk = start
    for _ in range(1000):
        new = step @ walk
        new[seeds, np.arange(len(seeds))] += 1 - new.sum(axis=0)
        if np.abs(new - walk).sum(axis=0).max() < TOL:
            return new.T
        walk = new
    raise RuntimeError('no convergence')


def with_scikit_network(graph, seeds):
    from sknetwork.ranking import PageRank
    rank = PageRank(damping_factor=DAMPING, solver='piteration', n_iter=1000, tol=TOL)
    return np.stack([rank.fit_predict(graph, weights={int(seed): 1.0}) for seed in seeds])


def with_fast_pagerank(graph, seeds):
    from fast_pagerank import pagerank_power
    rows = []
    for seed in seeds:
        start = np.zeros(graph.shape[0])
        start[seed] = 1
        rows.append(pagerank_power(graph, p=DAMPING, personalize=start, tol=TOL, max_iter=1000))
    return np.stack(rows)


class WithIgraph:
    """PRPACK; the graph is made once and its making is not counted."""

    def __init__(self, graph) -> None:
        import igraph
        table = graph.tocoo()
        self.graph = igraph.Graph(n=graph.shape[0], directed=True,
                                  edges=np.stack([table.row, table.col], axis=1))
        self.weights = table.data.tolist()

    def __call__(self, graph, seeds):
        return np.array([self.graph.personalized_pagerank(
            damping=DAMPING, reset_vertices=int(seed), weights=self.weights,
            implementation='prpack') for seed in seeds])


def bench_walk(args) -> dict:
    graph = power_law_graph(args.nodes, args.edges)
    if args.both_ways:
        graph = (graph + graph.T).tocsr()
    seeds = pick_classes(graph, CLASSES)
    few = seeds[:args.peer_seeds]
    peers = {'scipy power iteration': plain_scipy}
    if find_spec('sknetwork'):
        peers['scikit-network'] = with_scikit_network
    if find_spec('igraph'):
        peers['igraph'] = WithIgraph(graph)
    if find_spec('fast_pagerank'):
        peers['fast-pagerank'] = with_fast_pagerank
    times = {name: [] for name in ('mmwsss', *peers)}
    gaps = {}
    for turn in range(args.repeats):
        began = time.process_time()
        block = walk_between(graph, seeds, 1 - DAMPING, TOL)
        times['mmwsss'].append(time.process_time() - began)
        if not turn:
            peak = peak_mib()
        for name, peer in peers.items():
            began = time.process_time()
            rows = peer(graph, few)
            times[name].append((time.process_time() - began) * CLASSES / len(few))
            gaps[name] = float(np.abs(rows[:, seeds] - block[:len(few)]).sum(axis=1).max())
            print(f'  turn {turn}: {name} {times[name][-1]:.1f} s', file=sys.stderr, flush=True)
    middle = {name: median(found) for name, found in times.items()}
    best = min(middle[name] for name in peers)
    return {'nodes': args.nodes, 'edges': int(graph.nnz), 'classes': CLASSES,
            'turns': args.repeats, 'peer_seeds': len(few), 'seconds_for_80': middle,
            'spread': times,
            'ahead_of_best_peer': best / middle['mmwsss'], 'l1_gap_to_mmwsss': gaps,
            'peak_mib_with_ours_only': peak}


def bench_growth(args) -> list:
    """Seconds of the block for other sizes."""
    cases = [(0.25, 0.25, 80), (0.5, 0.5, 80), (1, 1, 80), (2, 2, 80), (1, 0.5, 80), (1, 2, 80),
             (1, 1, 20), (1, 1, 320)]
    rows = []
    for node_factor, edge_factor, classes in cases:
        nodes, edges = int(args.nodes * node_factor), int(args.edges * edge_factor)
        graph = power_law_graph(nodes, edges)
        seeds = pick_classes(graph, classes)
        began = time.process_time()
        walk_between(graph, seeds, 1 - DAMPING, TOL)
        rows.append({'nodes': nodes, 'edges': edges, 'classes': classes,
                     'seconds': time.process_time() - began})
        print(f'  {rows[-1]}', file=sys.stderr, flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--part', choices=('read', 'walk', 'growth', 'all'), default='all')
    parser.add_argument('--conceptnet', help='real table whose lines are repeated')
    parser.add_argument('--lines', type=int, default=LINES)
    parser.add_argument('--nodes', type=int, default=NODES)
    parser.add_argument('--edges', type=int, default=EDGES)
    parser.add_argument('--peer-seeds', type=int, default=4)
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument('--both-ways', action='store_true', help='walk a symmetrised graph')
    parser.add_argument('--quick', action='store_true')
    parser.add_argument('--out', help='JSON file for the figures')
    parser.add_argument('--read-once', help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.read_once:
        read_once(args.read_once)
        return
    if args.quick:
        args.lines, args.nodes, args.edges = 20_000, 30_000, 85_000
        args.peer_seeds, args.repeats = 1, 1
    parts = {'read': bench_read, 'walk': bench_walk, 'growth': bench_growth}
    result = {'machine': f'{platform.processor() or platform.machine()}, {os.cpu_count()} cores, '
                         f'Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}'}
    for name, run in parts.items():
        if args.part in (name, 'all'):
            result[name] = run(args)
    text = json.dumps(result, indent=2)
    print(text)
    if args.out:
        Path(args.out).write_text(text + '\n')


if __name__ == '__main__':
    main()
