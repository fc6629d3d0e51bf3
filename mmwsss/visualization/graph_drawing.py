"""Where the names and links of a class graph go; the template draws them.

As for the pipeline there are two drawings of the same, one for wide screens and one for phones:
a picture that is shrunk to a phone's width cannot be read.
"""
import numpy as np

from mmwsss.knowledge import ClassGraph

FONT = 13
_LETTER, _PADDING, _PILL, _GAP = 0.58 * FONT, 10, 23, 5
_TITLE = 24  # letters of a name that are drawn


def graph_drawings(graph: ClassGraph, links: int = 2, nearest: int = 3) -> dict:
    """Drawings and neighbours of a class graph.

    Args:
        graph: C classes.
        links: the strongest of each class are drawn.
        nearest: neighbours listed for each class.

    Returns:
        ``wide``, ``tall``: ``width``, ``height``, ``names`` (``x``, ``y`` of the middle,
        ``width``, ``height``, ``text``) and ``lines`` (``x1`` to ``y2``, ``stroke``, ``label``),
        in units of the view box; ``nearest``: rows of ``name`` and ``others`` (name, relation,
        share of the largest relation between two classes).
    """
    size = len(graph)
    place = layout(symmetric(graph))
    top = max(off_diagonal(graph.relations).max(), 1e-300)
    return dict(
        wide=_drawing(graph, place, links, 1080, max(420, 9 * size)),
        tall=_drawing(graph, place[:, ::-1], links, 360, max(400, 16 * size)),
        nearest=[dict(name=name, others=[(other, weight, weight / top) for other, weight in near])
                 for name, near in nearest_classes(graph, nearest).items()])


def off_diagonal(relations: np.ndarray) -> np.ndarray:
    """Relations between different classes."""
    return relations - np.diag(np.diagonal(relations))


def symmetric(graph: ClassGraph) -> np.ndarray:
    """(C, C): the larger relation of each pair, 0 on the diagonal."""
    weights = off_diagonal(graph.relations)
    return np.maximum(weights, weights.T)


def nearest_classes(graph: ClassGraph, count: int) -> dict:
    """Class -> its strongest partners with their relation, strongest first."""
    weights = off_diagonal(graph.relations)
    return {name: [(graph.names[other], float(weights[row, other]))
                   for other in np.argsort(-weights[row], kind='stable')[:count]
                   if weights[row, other] > 0]
            for row, name in enumerate(graph.names)}


def strongest_links(weights: np.ndarray, count: int) -> list:
    """Pairs (i, j), i < j, that are among the ``count`` strongest of either class."""
    found = {(min(row, int(other)), max(row, int(other)))
             for row in range(len(weights))
             for other in np.argsort(-weights[row], kind='stable')[:count]
             if weights[row, other] > 0}
    return sorted(found)


def layout(weights: np.ndarray, steps: int = 300) -> np.ndarray:
    """(C, 2): springs along links, all classes pushing each other away (Fruchterman and Reingold
    1991). The same for the same weights."""
    size = len(weights)
    place = np.random.default_rng(0).uniform(-1, 1, (size, 2))
    pull = np.sqrt(weights / weights.max()) if weights.max() > 0 else weights
    ideal = 2 / max(size, 1) ** 0.5
    for step in range(steps):
        offset = place[:, None] - place[None]
        distance = np.maximum(np.linalg.norm(offset, axis=-1), 1e-3)[..., None]
        force = (offset / distance * (ideal**2 / distance - pull[..., None] * distance**2 / ideal)
                 ).sum(axis=1)
        length = np.maximum(np.linalg.norm(force, axis=1, keepdims=True), 1e-9)
        place += force / length * np.minimum(length, 0.1 * (1 - step / steps))
    return place


def _drawing(graph: ClassGraph, place: np.ndarray, links: int, width: int, height: int) -> dict:
    texts = [name if len(name) <= _TITLE else name[:_TITLE - 1] + '…' for name in graph.names]
    sizes = np.array([[_LETTER * len(text) + _PADDING, _PILL] for text in texts])
    middles = _spread(place, sizes, np.array([width, height], float))
    while middles is None:
        height = round(1.25 * height)
        middles = _spread(place, sizes, np.array([width, height], float))
    weights = symmetric(graph)
    top = weights.max() if weights.max() > 0 else 1.0
    lines = [dict(x1=middles[i, 0], y1=middles[i, 1], x2=middles[j, 0], y2=middles[j, 1],
                  stroke=0.6 + 4 * float(weights[i, j] / top) ** 0.5,
                  label=f'{graph.names[i]} – {graph.names[j]}: {weights[i, j]:.2g}')
             for i, j in strongest_links(weights, links)]
    names = [dict(x=x, y=y, width=w, height=h, text=text, title=name)
             for (x, y), (w, h), text, name in zip(middles, sizes, texts, graph.names)]
    return dict(width=width, height=height, names=names, lines=lines)


def _spread(place: np.ndarray, sizes: np.ndarray, canvas: np.ndarray,
            steps: int = 400) -> 'np.ndarray | None':
    """Middles (C, 2) of boxes on a canvas, moved until none covers another; None: no room.

    Args:
        place: (C, 2) wanted places in any units.
        sizes: (C, 2) widths and heights.
        canvas: (2,) width and height.
    """
    # Ranks as much as places: a few far classes would else press all others together.
    lowest, span = place.min(axis=0), np.maximum(np.ptp(place, axis=0), 1e-9)
    ranks = place.argsort(axis=0).argsort(axis=0) / max(len(place) - 1, 1)
    low, high = sizes / 2 + 1, canvas - sizes / 2 - 1
    middles = low + ((place - lowest) / span + ranks) / 2 * (high - low)
    for _ in range(steps):
        offset = middles[:, None] - middles[None]
        room = (sizes[:, None] + sizes[None]) / 2 + _GAP - np.abs(offset)
        covering = (room > 0).all(axis=-1) & ~np.eye(len(place), dtype=bool)
        if not covering[(room > _GAP - 2).all(axis=-1)].any():  # two units apart will do
            return middles
        # Apart along the axis that needs the smaller move; of two at one place the first goes up.
        order = np.arange(len(place))
        sign = np.where(offset == 0, np.sign(order[:, None] - order[None])[..., None],
                        np.sign(offset))
        vertical = room[..., 1] <= room[..., 0]
        axes = np.stack([~vertical, vertical], axis=-1)
        push = np.where(covering[..., None] & axes, sign * room * 0.3, 0).sum(axis=1)
        middles = np.clip(middles + push, low, high)
    return None
