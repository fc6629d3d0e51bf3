"""The things in toy scenes: each is a list of parts, one of which gives the class away.

An object is drawn in its own frame: x to the right, y downward, feet on y = 0, about one unit
tall (so y runs from -1 to 0). The ``telling`` part (a face, a label, a chequered cloth, ...) has
a look no other class has; the other parts take their colours from palettes shared between
classes and with the clutter. A classifier can therefore live on the telling part alone, which is
what makes its activation maps incomplete.
"""
from dataclasses import dataclass
from typing import Callable, Dict, List, Sequence, Tuple

import numpy as np

Colour = Tuple[int, int, int]
Points = np.ndarray  # (K, 2) float, x and y in the object's frame

COATS: Sequence[Colour] = ((122, 84, 56), (92, 66, 50), (158, 124, 88), (74, 66, 62))
CLOTHS: Sequence[Colour] = ((158, 60, 56), (60, 88, 148), (86, 124, 74), (152, 132, 84),
                            (106, 78, 124), (92, 92, 98))
WOODS: Sequence[Colour] = ((140, 100, 62), (112, 78, 50), (166, 130, 92))
GLASSES: Sequence[Colour] = ((56, 104, 66), (112, 76, 42), (92, 124, 138))
METALS: Sequence[Colour] = ((150, 48, 48), (48, 76, 134), (66, 104, 62), (98, 98, 104))
SKINS: Sequence[Colour] = ((224, 180, 146), (190, 138, 104), (128, 88, 64))


@dataclass(frozen=True)
class Part:
    """One filled shape.

    Attributes:
        contours: outlines, (K, 2) each; a second one inside the first is a hole.
        colour: RGB, 0 to 255.
        pattern: ``'plain'``, ``'noise'``, ``'stripes'``, ``'checks'`` or ``'spots'``.
        telling: whether this part shows the class.
    """
    contours: Tuple[Points, ...]
    colour: Colour
    pattern: str = 'noise'
    telling: bool = False


def ellipse(x: float, y: float, rx: float, ry: float, degrees: float = 0.,
            points: int = 28) -> Points:
    """Outline (points, 2) of a turned ellipse."""
    t = np.linspace(0, 2 * np.pi, points, endpoint=False)
    turn = np.deg2rad(degrees)
    u, v = rx * np.cos(t), ry * np.sin(t)
    return np.stack([x + u * np.cos(turn) - v * np.sin(turn),
                     y + u * np.sin(turn) + v * np.cos(turn)], axis=1)


def limb(start: Tuple[float, float], end: Tuple[float, float], width0: float,
         width1: float) -> Points:
    """Outline (4, 2) of a bar that narrows from ``width0`` to ``width1``."""
    a, b = np.asarray(start, float), np.asarray(end, float)
    along = (b - a) / max(float(np.linalg.norm(b - a)), 1e-9)
    across = np.array([-along[1], along[0]])
    return np.stack([a + across * width0 / 2, b + across * width1 / 2,
                     b - across * width1 / 2, a - across * width0 / 2])


def box(x0: float, y0: float, x1: float, y1: float) -> Points:
    """Outline (4, 2) of an upright rectangle."""
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], float)


def pick(rng: np.random.Generator, palette: Sequence[Colour]) -> Colour:
    """A colour of the palette, a little off."""
    colour = np.asarray(palette[rng.integers(len(palette))]) + rng.integers(-12, 13, size=3)
    return tuple(int(value) for value in np.clip(colour, 0, 255))


def person(rng: np.random.Generator) -> List[Part]:
    """Trousers, shirt and arms in cloth colours; the face with its hair is the telling part."""
    trousers, shirt, skin = pick(rng, CLOTHS), pick(rng, CLOTHS), pick(rng, SKINS)
    stride, swing = rng.uniform(0.02, 0.14), rng.uniform(-0.18, 0.18)
    hair = (38, 28, 24) if rng.random() < 0.7 else (176, 132, 62)
    return [
        Part((limb((-0.05, -0.47), (-stride, 0), 0.12, 0.08),), trousers),
        Part((limb((0.05, -0.47), (stride, 0), 0.12, 0.08),), trousers),
        Part((limb((-0.10, -0.78), (-0.17 - abs(swing), -0.48), 0.08, 0.06),), shirt),
        Part((np.array([[-0.14, -0.81], [0.14, -0.81], [0.10, -0.43], [-0.10, -0.43]]),), shirt,
             'stripes' if rng.random() < 0.4 else 'noise'),
        Part((limb((0.11, -0.78), (0.17 + swing, -0.50), 0.08, 0.06),), shirt),
        Part((ellipse(0, -0.92, 0.085, 0.095),), hair, 'plain', telling=True),
        Part((ellipse(0.012, -0.895, 0.066, 0.07),), skin, 'plain', telling=True),
        Part((ellipse(-0.015, -0.90, 0.012, 0.014), ellipse(0.04, -0.90, 0.012, 0.014)),
             (30, 24, 24), 'plain', telling=True),
    ]


def _four_legs(rng: np.random.Generator, coat: Colour, xs: Sequence[float], top: float,
               width: float) -> List[Part]:
    feet = np.asarray(xs) + rng.uniform(-0.06, 0.06, size=len(xs))
    return [Part((limb((x, top), (foot, 0), width, width * 0.7),), coat)
            for x, foot in zip(xs, feet)]


def horse(rng: np.random.Generator) -> List[Part]:
    """A coat shared with dogs; the long blazed head with a striped mane is the telling part."""
    coat = pick(rng, COATS)
    nod = rng.uniform(-0.06, 0.08)
    head, nose = (0.60, -0.92 + nod), (0.78, -0.74 + nod)
    return [
        Part((limb((-0.42, -0.62), (-0.56, -0.25), 0.07, 0.10),), (44, 36, 32), 'stripes'),
        *_four_legs(rng, coat, (-0.34, -0.22, 0.22, 0.34), -0.45, 0.10),
        Part((ellipse(0, -0.54, 0.46, 0.17),), coat),
        Part((limb((0.33, -0.56), head, 0.24, 0.15),), coat),
        Part((limb((0.26, -0.68), (0.54, -0.98 + nod), 0.09, 0.08),), (40, 32, 28), 'stripes',
             telling=True),
        Part((limb(head, nose, 0.17, 0.10),), coat, telling=True),
        Part((limb((0.63, -0.90 + nod), (0.76, -0.76 + nod), 0.05, 0.05),), (226, 220, 208),
             'plain', telling=True),
        Part((np.array([[0.52, -0.97 + nod], [0.56, -1.08 + nod], [0.61, -0.97 + nod]]),), coat,
             'plain', telling=True),
    ]


def dog(rng: np.random.Generator) -> List[Part]:
    """A coat shared with horses; the round head with ears and muzzle is the telling part."""
    coat = pick(rng, COATS)
    lift = rng.uniform(-0.05, 0.05)
    x, y = 0.52, -0.80 + lift
    return [
        Part((limb((-0.44, -0.58), (-0.66, -0.86), 0.09, 0.05),), coat),
        *_four_legs(rng, coat, (-0.34, -0.22, 0.24, 0.36), -0.40, 0.12),
        Part((ellipse(0, -0.48, 0.47, 0.19),), coat),
        Part((limb((0.34, -0.52), (x, y), 0.24, 0.22),), coat),
        Part((ellipse(x, y, 0.19, 0.18),), coat, telling=True),
        Part((ellipse(x + 0.15, y + 0.06, 0.11, 0.08),), (214, 200, 178), 'plain', telling=True),
        Part((ellipse(x + 0.24, y + 0.03, 0.035, 0.035),), (22, 20, 20), 'plain', telling=True),
        Part((ellipse(x - 0.12, y + 0.03, 0.06, 0.16, 15),), (48, 36, 30), 'plain', telling=True),
        Part((ellipse(x + 0.05, y - 0.04, 0.028, 0.03),), (20, 18, 18), 'plain', telling=True),
    ]


def bicycle(rng: np.random.Generator) -> List[Part]:
    """A thin frame in paint colours; the spoked wheels are the telling part."""
    paint, tyre = pick(rng, METALS), (40, 40, 44)
    radius = 0.33
    hubs = ((-0.48, -radius), (0.48, -radius))
    crank, seat, steer = (-0.06, -0.32), (-0.20, -0.74), (0.34, -0.78)
    parts = []
    for x, y in hubs:
        parts.append(Part((ellipse(x, y, radius, radius), ellipse(x, y, 0.25, 0.25)), tyre,
                          'plain', telling=True))
        turn = rng.uniform(0, 60)
        for degrees in (turn, turn + 60, turn + 120):
            dx, dy = 0.27 * np.cos(np.deg2rad(degrees)), 0.27 * np.sin(np.deg2rad(degrees))
            parts.append(Part((limb((x - dx, y - dy), (x + dx, y + dy), 0.035, 0.035),),
                              (196, 196, 202), 'plain', telling=True))
    bars = ((hubs[0], crank), (hubs[0], seat), (crank, seat), (crank, steer), (seat, steer),
            (steer, hubs[1]))
    parts += [Part((limb(a, b, 0.065, 0.065),), paint) for a, b in bars]
    parts.append(Part((limb((-0.32, -0.80), (-0.08, -0.80), 0.09, 0.07),), (36, 32, 32)))
    parts.append(Part((limb(steer, (0.30, -0.98), 0.06, 0.06),), paint))
    parts.append(Part((limb((0.20, -0.98), (0.42, -0.94), 0.07, 0.07),), (36, 32, 32)))
    return parts


def bottle(rng: np.random.Generator) -> List[Part]:
    """Glass in dull colours; the striped paper label and the cap are the telling part."""
    glass = pick(rng, GLASSES)
    shoulders = np.array([[-0.15, -0.58], [-0.06, -0.76], [0.06, -0.76], [0.15, -0.58]])
    return [
        Part((box(-0.15, -0.60, 0.15, 0),), glass),
        Part((shoulders,), glass),
        Part((box(-0.06, -0.96, 0.06, -0.74),), glass),
        Part((box(-0.15, -0.46, 0.15, -0.20),), (232, 222, 188), 'stripes', telling=True),
        Part((box(-0.075, -1.0, 0.075, -0.91),), (214, 178, 46), 'plain', telling=True),
    ]


def diningtable(rng: np.random.Generator) -> List[Part]:
    """Wooden legs and apron; the chequered cloth hanging over the edge is the telling part."""
    wood = pick(rng, WOODS)
    cloth = (206, 60, 64) if rng.random() < 0.5 else (64, 96, 190)
    top = np.array([[-0.80, -0.92], [0.80, -0.92], [0.95, -0.70], [-0.95, -0.70]])
    left = rng.uniform(-0.6, 0.1)
    drape = np.array([[left + 0.05, -0.92], [left + 0.45, -0.92], [left + 0.5, -0.70],
                      [left + 0.5, -0.50], [left, -0.50], [left, -0.70]])
    legs = [Part((limb((x, -0.66), (x * 0.97, 0), 0.11, 0.08),), wood)
            for x in (-0.82, -0.60, 0.60, 0.82)]
    return [*legs, Part((box(-0.93, -0.71, 0.93, -0.58),), wood), Part((top,), wood, 'stripes'),
            Part((drape,), cloth, 'checks', telling=True)]


DRAW: Dict[str, Callable[[np.random.Generator], List[Part]]] = {
    'bicycle': bicycle, 'bottle': bottle, 'diningtable': diningtable, 'dog': dog,
    'horse': horse, 'person': person,
}
TOY_CLASSES: Tuple[str, ...] = tuple(DRAW)
HALF_WIDTH: Dict[str, float] = {'bicycle': 0.82, 'bottle': 0.16, 'diningtable': 0.96,
                                'dog': 0.78, 'horse': 0.80, 'person': 0.36}


def draw_object(name: str, rng: np.random.Generator) -> List[Part]:
    """Parts of one object, back to front, in its own frame.

    Args:
        name: one of :data:`TOY_CLASSES` (names of PASCAL VOC classes).
        rng: source of its pose and colours.

    Raises:
        ValueError: a class there is no drawing for.
    """
    if name not in DRAW:
        raise ValueError(f'no toy drawing for {name!r}; there are: {", ".join(TOY_CLASSES)}')
    return DRAW[name](rng)
