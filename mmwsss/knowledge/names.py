"""Class names: how they are compared and which of them mean the same.

Classes are matched by name, never by row number. Two names match if they are the same after
:func:`plain` (case, spaces, hyphens and underscores do not count) or stand in one row of
:data:`ALIASES`.
"""
import difflib
from typing import Dict, Iterable, List, Sequence, Tuple

VOC_CLASSES = (
    'aeroplane', 'bicycle', 'bird', 'boat', 'bottle', 'bus', 'car', 'cat', 'chair', 'cow',
    'diningtable', 'dog', 'horse', 'motorbike', 'person', 'pottedplant', 'sheep', 'sofa', 'train',
    'tvmonitor')

COCO_CLASSES = (
    'person', 'bicycle', 'car', 'motorcycle', 'airplane', 'bus', 'train', 'truck', 'boat',
    'traffic light', 'fire hydrant', 'stop sign', 'parking meter', 'bench', 'bird', 'cat', 'dog',
    'horse', 'sheep', 'cow', 'elephant', 'bear', 'zebra', 'giraffe', 'backpack', 'umbrella',
    'handbag', 'tie', 'suitcase', 'frisbee', 'skis', 'snowboard', 'sports ball', 'kite',
    'baseball bat', 'baseball glove', 'skateboard', 'surfboard', 'tennis racket', 'bottle',
    'wine glass', 'cup', 'fork', 'knife', 'spoon', 'bowl', 'banana', 'apple', 'sandwich', 'orange',
    'broccoli', 'carrot', 'hot dog', 'pizza', 'donut', 'cake', 'chair', 'couch', 'potted plant',
    'bed', 'dining table', 'toilet', 'tv', 'laptop', 'mouse', 'remote', 'keyboard', 'cell phone',
    'microwave', 'oven', 'toaster', 'sink', 'refrigerator', 'book', 'clock', 'vase', 'scissors',
    'teddy bear', 'hair drier', 'toothbrush')

# One row: names of one and the same thing, the commonest English word for it first.
ALIASES = (
    ('airplane', 'aeroplane', 'plane'),
    ('backpack', 'rucksack'),
    ('bicycle', 'bike'),
    ('cell phone', 'cellphone', 'mobile phone'),
    ('computer mouse', 'mouse'),
    ('couch', 'sofa'),
    ('dining table', 'diningtable'),
    ('doughnut', 'donut'),
    ('hair dryer', 'hair drier', 'hairdryer'),
    ('hot dog', 'hotdog'),
    ('microwave', 'microwave oven'),
    ('motorcycle', 'motorbike'),
    ('necktie', 'tie'),
    ('person', 'people'),
    ('potted plant', 'pottedplant', 'houseplant'),
    ('refrigerator', 'fridge'),
    ('remote control', 'remote', 'tv remote'),
    ('skis', 'ski'),
    ('sports ball', 'ball'),
    ('stove', 'cooker'),
    ('tap', 'faucet'),
    ('television', 'tv', 'tvmonitor', 'tv monitor', 'television set'),
    ('tennis racket', 'tennis racquet'),
    ('traffic light', 'traffic lights', 'stoplight'),
    ('truck', 'lorry'),
)


class UnknownClassError(KeyError, ValueError):
    """A class name that a graph or a knowledge base does not have."""

    def __str__(self) -> str:  # KeyError would print the repr
        return str(self.args[0])


def plain(name: str) -> str:
    """``'Dining_table'`` -> ``'diningtable'``: what counts when two names are compared."""
    return ''.join(character for character in name.casefold() if character.isalnum())


def words(name: str) -> List[str]:
    """``'Teddy_bear'`` -> ``['teddy', 'bear']``."""
    return name.replace('_', ' ').replace('-', ' ').casefold().split()


_GROUP: Dict[str, Tuple[str, ...]] = {plain(name): row for row in ALIASES for name in row}


def aliases(name: str) -> Tuple[str, ...]:
    """Other names of the same thing, the commonest first; () if none is known."""
    return tuple(other for other in _GROUP.get(plain(name), ()) if other != name)


def match(wanted: Sequence[str], known: Sequence[str]) -> List[int]:
    """Where each wanted name stands among the known ones.

    An equal name goes before an alias, so that a graph may hold both ``mouse`` and
    ``computer mouse``.

    Args:
        wanted: names to look up.
        known: names to look in, all different.

    Returns:
        list[int]: for each wanted name its position in ``known``.

    Raises:
        UnknownClassError: naming all that are not known, with close spellings.
        ValueError: if two wanted names mean the same row.
    """
    exact = {name: row for row, name in enumerate(known)}
    by_plain = {plain(name): row for row, name in reversed(list(enumerate(known)))}
    found = [_find(name, exact, by_plain) for name in wanted]
    unknown = [name for name, row in zip(wanted, found) if row is None]
    if unknown:
        raise UnknownClassError(_unknown_message(unknown, known))
    _check_no_row_twice(wanted, found, known)
    return found


def _find(name: str, exact: Dict[str, int], by_plain: Dict[str, int]):
    if name in exact:
        return exact[name]
    for candidate in (name, *aliases(name)):
        if plain(candidate) in by_plain:
            return by_plain[plain(candidate)]
    return None


def _check_no_row_twice(wanted: Sequence[str], found: Iterable[int], known: Sequence[str]) -> None:
    taken: Dict[int, str] = {}
    for name, row in zip(wanted, found):
        if row in taken:
            raise ValueError(f'classes {taken[row]!r} and {name!r} are both {known[row]!r} of '
                             'the class graph; build a graph for this list with '
                             'tools/build_class_graph.py')
        taken[row] = name


def _unknown_message(unknown: Sequence[str], known: Sequence[str]) -> str:
    parts = []
    for name in unknown:
        close = difflib.get_close_matches(name, known, n=2, cutoff=0.6)
        parts.append(repr(name) + (f' (did you mean {" or ".join(map(repr, close))}?)'
                                   if close else ''))
    hint = ('; the background is no class of a class graph: leave it out'
            if 'background' in unknown else '')
    return (f'class graph of {len(known)} classes does not know {", ".join(parts)}{hint}. Build '
            'one for your classes with tools/build_class_graph.py')
