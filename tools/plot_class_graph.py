"""Draw a class graph: relations as a heat map (grm.txt, Fig. 4), as a network, and as lists.

python tools/plot_class_graph.py voc --out voc.png
python tools/plot_class_graph.py farm.npz --out farm.png --nearest 4
"""
import argparse
import sys
from pathlib import Path

import matplotlib

ROOT = Path(__file__).resolve().parents[1]
if (ROOT / 'mmwsss').is_dir():
    sys.path.insert(0, str(ROOT))
matplotlib.use('Agg')

import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402

from mmwsss.atomic_files import replacing  # noqa: E402
from mmwsss.knowledge import ClassGraph  # noqa: E402
from mmwsss.models.layers.adjacency import (ADJACENCY_MODES, coupling,  # noqa: E402
                                            normalize_adjacency)
from mmwsss.visualization.graph_drawing import (layout, nearest_classes,  # noqa: E402
                                                strongest_links, symmetric)


def parse_args(argv=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('graph', help='voc, coco or an npz of tools/build_class_graph.py')
    parser.add_argument('--out', required=True, help='PNG to write')
    parser.add_argument('--nearest', type=int, default=3, help='neighbours listed for each class')
    parser.add_argument('--links', type=int, default=2, help='links drawn for each class')
    return parser.parse_args(argv)


def couplings(graph: ClassGraph) -> dict:
    """Normalisation -> share of a row that couples to other classes."""
    relations = torch.from_numpy(graph.relations)
    return {mode: float(coupling(normalize_adjacency(relations, mode)))
            for mode in ADJACENCY_MODES}


def draw_heat_map(axes, graph: ClassGraph) -> None:
    """Logarithmic, since the diagonal is a hundred times the rest."""
    values = graph.relations
    positive = values[values > 0]
    floor = np.log10(positive.min()) if positive.size else 0.0
    shown = np.log10(np.where(values > 0, values, 10.0**floor))
    image = axes.imshow(shown, cmap='viridis')
    size = max(3, min(9, 260 // len(graph)))
    axes.set_xticks(range(len(graph)), graph.names, rotation=90, fontsize=size)
    axes.set_yticks(range(len(graph)), graph.names, fontsize=size)
    axes.set_title('relations E, log10')
    axes.figure.colorbar(image, ax=axes, fraction=0.046)


def draw_network(axes, graph: ClassGraph, links: int) -> None:
    """Classes by the leading directions of their relations; each with its strongest links."""
    weights = symmetric(graph)
    place = layout(weights)
    top = weights.max() if weights.max() > 0 else 1.0
    for row, other in strongest_links(weights, links):
        axes.plot(*place[[row, other]].T, color='tab:blue', zorder=1, alpha=0.7,
                  linewidth=0.5 + 4 * (weights[row, other] / top) ** 0.5)
    axes.scatter(*place.T, s=25, color='black', zorder=2)
    for name, (x, y) in zip(graph.names, place):
        axes.annotate(name, (x, y), xytext=(3, 3), textcoords='offset points',
                      fontsize=9 if len(graph) <= 30 else 6)
    axes.set_title(f'{links} strongest links of each class')
    axes.axis('off')


def draw_nearest(axes, graph: ClassGraph, count: int) -> None:
    rows = [f'{name}: ' + (', '.join(f'{other} {weight:.1e}' for other, weight in near) or 'none')
            for name, near in nearest_classes(graph, count).items()]
    columns = 1 if len(rows) <= 40 else 2
    per_column = -(-len(rows) // columns)
    for column in range(columns):
        text = '\n'.join(rows[column * per_column:(column + 1) * per_column])
        axes.text(column / columns, 1, text, va='top', family='monospace',
                  fontsize=7 if columns == 1 else 4.5, transform=axes.transAxes)
    axes.set_title(f'nearest {count} of each class')
    axes.axis('off')


def draw_couplings(axes, graph: ClassGraph) -> None:
    shares = couplings(graph)
    bars = axes.barh(list(shares), [100 * share for share in shares.values()])
    axes.bar_label(bars, fmt='%.2f %%', padding=3)
    axes.set_xlim(0, 115)
    axes.set_xlabel('% of a row that couples to other classes')
    axes.set_title('coupling after each normalisation')
    axes.invert_yaxis()


def main(argv=None) -> int:
    args = parse_args(argv)
    try:
        graph = ClassGraph.load(args.graph)
        figure, panels = plt.subplots(2, 2, figsize=(18, 17), layout='constrained')
        draw_heat_map(panels[0, 0], graph)
        draw_network(panels[0, 1], graph, args.links)
        draw_nearest(panels[1, 0], graph, args.nearest)
        draw_couplings(panels[1, 1], graph)
        figure.suptitle(repr(graph))
        Path(args.out).parent.mkdir(parents=True, exist_ok=True)
        with replacing(args.out) as draft:
            figure.savefig(draft, format='png', dpi=110)
        plt.close(figure)
    except (ValueError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    print(f'written to {args.out}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
