"""Toy scenes: which objects meet, where they stand, what clutter hides them, how it is painted.

H, W: size of the picture. Everything is drawn at twice that size and averaged down.
"""
from dataclasses import dataclass
from typing import Dict, List, Sequence, Tuple

import cv2
import numpy as np

from .objects import (CLOTHS, COATS, GLASSES, HALF_WIDTH, METALS, TOY_CLASSES, WOODS, Part, box,
                      draw_object, ellipse, limb, pick)
from .painting import fill_mask, ground, paint

VOID = 255
OVERSAMPLING = 2
# A class of which less than this share of the picture is seen is marked void, not counted.
LEAST_VISIBLE = 0.004
# Kind of scene -> share. The pairs are what PASCAL VOC shows together, so that class graphs from
# text have something to say; 'single' and 'any' keep each class from implying another.
SCENES: Dict[str, float] = {'ride': 0.16, 'cycle': 0.14, 'walk': 0.14, 'meal': 0.18,
                            'single': 0.24, 'any': 0.14}
OUTDOOR = (((166, 192, 220), (104, 130, 72)), ((188, 196, 204), (142, 124, 96)),
           ((120, 146, 110), (128, 130, 132)))
INDOOR = (((196, 184, 162), (134, 104, 76)), ((172, 178, 180), (120, 116, 112)),
          ((150, 136, 128), (150, 122, 96)))


@dataclass(frozen=True)
class Placed:
    """An object in a scene; lengths are shares of the picture's height.

    Attributes:
        name: class.
        x: middle, as a share of the picture's width.
        foot: where it stands, 0 top to 1 bottom.
        height: how tall one unit of its frame is.
        mirrored: whether it looks to the left.
    """
    name: str
    x: float
    foot: float
    height: float
    mirrored: bool


def compose(rng: np.random.Generator, aspect: float = 1.) -> List[Placed]:
    """Draw the objects of one scene, back to front.

    Args:
        rng: source of all choices.
        aspect: width over height of the picture; wide objects are made to fit.
    """
    kinds = list(SCENES)
    shares = np.array([SCENES[kind] for kind in kinds])
    kind = kinds[rng.choice(len(kinds), p=shares / shares.sum())]
    foot, height = rng.uniform(0.78, 0.97), rng.uniform(0.30, 0.62)
    x, mirrored = rng.uniform(0.3, 0.7), bool(rng.random() < 0.5)
    side = -1 if mirrored else 1
    if kind == 'ride':
        height = min(height, 0.46)
        rider = Placed('person', x - side * 0.04 / aspect, foot - 0.34 * height, height * 0.95,
                       mirrored)
        return [Placed('horse', x, foot, height, mirrored), rider]
    if kind == 'cycle':
        rider = Placed('person', x - side * 0.16 * height / aspect, foot - 0.18 * height,
                       height * 1.15, mirrored)
        return [rider, Placed('bicycle', x, foot, height * 0.8, mirrored)]
    if kind == 'walk':
        dog_x = x + side * rng.uniform(0.25, 0.4) / aspect
        return [Placed('person', x - side * 0.12, foot - 0.03, height * 1.2, mirrored),
                Placed('dog', dog_x, foot, height * rng.uniform(0.4, 0.7), mirrored)]
    if kind == 'meal':
        return _meal(rng, x, foot, height * 0.8, aspect)
    if kind == 'single':
        return [Placed(_any_class(rng), x, foot, height * rng.uniform(0.8, 1.35), mirrored)]
    count = int(rng.integers(2, 4))
    return [Placed(_any_class(rng), rng.uniform(0.12, 0.88), rng.uniform(0.7, 0.97),
                   rng.uniform(0.22, 0.5), bool(rng.random() < 0.5)) for _ in range(count)]


def _any_class(rng: np.random.Generator) -> str:
    return TOY_CLASSES[rng.integers(len(TOY_CLASSES))]


def _meal(rng: np.random.Generator, x: float, foot: float, height: float,
          aspect: float) -> List[Placed]:
    table = Placed('diningtable', x, foot, height, False)
    things = [table]
    if rng.random() < 0.5:
        things.insert(0, Placed('person', x + rng.uniform(-0.2, 0.2), foot - 0.1, height * 1.7,
                                bool(rng.random() < 0.5)))
    for _ in range(int(rng.integers(1, 4))):
        offset = rng.uniform(-0.65, 0.65) * height / aspect
        things.append(Placed('bottle', x + offset, foot - rng.uniform(0.76, 0.86) * height,
                             height * rng.uniform(0.45, 0.75), False))
    return things


def _to_pixels(part: Part, thing: Placed, size: Tuple[int, int]) -> List[np.ndarray]:
    """Outlines of a part in pixels; what is too wide is made smaller, what is outside moved in."""
    height, width = size
    unit = min(thing.height * height, 0.46 * width / HALF_WIDTH[thing.name])
    reach = HALF_WIDTH[thing.name] * unit * 0.8
    middle = np.clip(thing.x * width, reach, max(width - reach, reach))
    sign = -1 if thing.mirrored else 1
    return [np.stack([middle + sign * unit * contour[:, 0],
                      thing.foot * height + unit * contour[:, 1]], axis=1)
            for contour in part.contours]


def clutter(rng: np.random.Generator) -> List[Part]:
    """One meaningless thing in the colours of coats, clothes, wood, glass or paint."""
    palette = (COATS, CLOTHS, WOODS, GLASSES, METALS)[rng.integers(5)]
    colour = pick(rng, palette)
    pattern = ('noise', 'stripes', 'spots')[rng.integers(3)]
    kind = rng.integers(4)
    if kind == 0:
        stem = limb((0, 0), (rng.uniform(-0.1, 0.1), -1), 0.10, 0.06)
        return [Part((stem,), colour, pattern)]
    if kind == 1:
        return [Part((box(-0.4, -rng.uniform(0.5, 1), 0.4, 0),), colour, pattern)]
    if kind == 2:
        bumps = 0.4 + 0.1 * rng.uniform(-1, 1, size=(28, 1))
        outline = ellipse(0, 0, 1, 0.75) * bumps + np.array([0, -0.35])
        return [Part((outline,), colour, pattern)]
    return [Part((ellipse(0, -0.4, 0.38, 0.14, rng.uniform(-30, 30)),), colour, pattern),
            Part((limb((-0.25, -0.4), (-0.3, 0), 0.08, 0.06),), colour),
            Part((limb((0.25, -0.4), (0.3, 0), 0.08, 0.06),), colour)]


def _draw(canvas: np.ndarray, parts: Sequence[Part], thing: Placed,
          rng: np.random.Generator) -> Tuple[np.ndarray, np.ndarray]:
    """Paint the parts; returns where the object and where its telling parts are, bool (H, W)."""
    size = canvas.shape[:2]
    covered, telling = np.zeros(size, bool), np.zeros(size, bool)
    for part in parts:
        mask = fill_mask(size, _to_pixels(part, thing, size))
        paint(canvas, mask, part.colour, part.pattern, 0.10 * thing.height * size[0], rng)
        covered |= mask
        telling = (telling & ~mask) | mask if part.telling else telling & ~mask
    return covered, telling


def _clutter_place(rng: np.random.Generator, height: Tuple[float, float]) -> Placed:
    # 'dog' lends its width; clutter has no class.
    return Placed('dog', rng.uniform(0, 1), rng.uniform(0.55, 1.05), rng.uniform(*height), False)


def _finish(canvas: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Average down, then light, haze and sensor noise; uint8."""
    height, width = (extent // OVERSAMPLING for extent in canvas.shape[:2])
    picture = cv2.resize(np.clip(canvas, 0, 255), (width, height), interpolation=cv2.INTER_AREA)
    tint = rng.uniform(0.90, 1.10, size=3)
    picture = picture * rng.uniform(0.75, 1.15) * tint
    picture = picture + rng.normal(0, rng.uniform(2, 7), size=picture.shape)
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)


def _outline(owner: np.ndarray, width: int) -> np.ndarray:
    """Pixels within ``width`` of a change of owner, bool (H, W); 1 marks one side only."""
    edge = np.zeros(owner.shape, bool)
    edge[:-1] |= owner[:-1] != owner[1:]
    edge[:, :-1] |= owner[:, :-1] != owner[:, 1:]
    if width > 1:
        edge = cv2.dilate(edge.astype(np.uint8), np.ones((width, width), np.uint8)).astype(bool)
    return edge


def render_scene(rng: np.random.Generator, size: Tuple[int, int], class_ids: Dict[str, int],
                 boundary: int = 1) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Render one picture with its masks.

    Args:
        rng: source of everything in it; the same state gives the same bytes.
        size: (H, W) of the picture, at least 32 each.
        class_ids: class name -> value in the label map, 1 to 254, for all of ``TOY_CLASSES``.
        boundary: width in pixels of the void (255) line around objects; 0 for none.

    Returns:
        picture (H, W, 3) uint8 RGB; labels (H, W) uint8, 0 background, 255 void; telling (H, W)
        bool, where a class's telling part is seen (a subset of the pixels with a class).

    Raises:
        ValueError: picture too small, or a class without an id.
    """
    if min(size) < 32:
        raise ValueError(f'toy pictures are at least 32 pixels high and wide, got {size}')
    missing = [name for name in TOY_CLASSES if name not in class_ids]
    if missing:
        raise ValueError(f'class_ids lacks {", ".join(missing)}')
    for _ in range(20):
        picture, labels, telling = _render_once(rng, size, class_ids, boundary)
        if ((labels > 0) & (labels < VOID)).any():
            break
    return picture, labels, telling


def _render_once(rng, size, class_ids, boundary):
    things = compose(rng, size[1] / size[0])
    indoor = rng.random() < (0.85 if any(t.name == 'diningtable' for t in things) else 0.25)
    looks = INDOOR if indoor else OUTDOOR
    top, bottom = looks[rng.integers(len(looks))]
    large = (size[0] * OVERSAMPLING, size[1] * OVERSAMPLING)
    canvas = ground(large, top, bottom, rng.uniform(0.35, 0.65), rng)
    owner, telling = np.zeros(large, np.uint8), np.zeros(large, bool)
    for _ in range(int(rng.integers(2, 6))):
        _draw(canvas, clutter(rng), _clutter_place(rng, (0.12, 0.5)), rng)
    for number, thing in enumerate(things, 1):
        covered, tells = _draw(canvas, draw_object(thing.name, rng), thing, rng)
        owner[covered], telling[covered] = number, tells[covered]
    for _ in range(int(rng.integers(0, 3))):
        covered, _ = _draw(canvas, clutter(rng), _clutter_place(rng, (0.10, 0.28)), rng)
        owner[covered], telling[covered] = 0, False
    owner = owner[::OVERSAMPLING, ::OVERSAMPLING]
    telling = telling[::OVERSAMPLING, ::OVERSAMPLING]
    labels = _labels(owner, things, class_ids, boundary)
    return _finish(canvas, rng), labels, telling & (labels > 0) & (labels < VOID)


def _labels(owner: np.ndarray, things: Sequence[Placed], class_ids: Dict[str, int],
            boundary: int) -> np.ndarray:
    lookup = np.array([0, *(class_ids[thing.name] for thing in things)], np.uint8)
    labels = lookup[owner]
    if boundary:
        labels[_outline(owner, boundary)] = VOID
    for value in np.unique(labels):
        seen = labels == value
        if 0 < value < VOID and seen.mean() < LEAST_VISIBLE:
            labels[seen] = VOID
    return labels
