"""What a grid file says: entries (what to run), rows (what to show), the control and the classes.

A grid is a MMEngine config in text style. Strings of an entry may hold ``{seed}`` and what other
entries of the same seed have made: ``{checkpoint:NAME}``, ``{maps:NAME}``, ``{labels:NAME}``,
``{run:NAME}`` (its folder), or ``{threshold:NAME}``: the background threshold at which its maps
have the best mIoU of the grid's classes on the judged images.
"""
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from mmengine.config import Config

GRIDS = Path(__file__).resolve().parent / 'grids'
# kind -> (does it train, what its test step makes)
KINDS = {
    'segmentation': (True, 'scores'),  # train, test on images with masks
    'scores': (False, 'scores'),  # test of another entry's checkpoint, e.g. with a CRF
    'classifier': (True, 'maps'),  # train, extract activation maps, judge them
    'maps': (False, 'maps'),  # maps of another entry's checkpoint, judge them
    'boundary': (True, 'labels'),  # train, walk and write labels, judge them
    'labels': (False, 'labels'),  # labels of stored maps, judge them
    # Any program; if the entry is a row, it writes {run}/scores.json: class -> IoU in %.
    'command': (False, 'scores'),
    'given': (False, None),  # made elsewhere, at ``path``
}
_MADE = re.compile(r'\{(run|checkpoint|maps|labels|threshold):([A-Za-z0-9_.-]+)\}')
_NAME = re.compile(r'[A-Za-z0-9_.-]+')


@dataclass(frozen=True)
class Entry:
    """One row's worth of work, for any seed.

    Args:
        name: letters, digits, ``_``, ``.``, ``-``.
        kind: see :data:`KINDS`.
        config: config file, relative to the repository.
        title: text of its row; default: the name.
        options: ``--cfg-options`` of training and test (nested or dotted).
        train_options, test_options: of one of them only.
        iterations: length of its training; schedules are shortened with it.
        args: further arguments of ``tools/test.py``, such as ``['--crf', 'deeplab']``.
        env: environment variables.
        checkpoint: for 'scores' and 'maps': what to test, e.g. ``{checkpoint:aspp}``.
        control: entry that its row is compared with; default: the grid's.
        path: for 'given': where maps or labels lie, with ``{seed}``.
        command: for 'command': program and arguments; ``{run}`` is the folder of the run,
            ``python`` the Python that runs the grid.
    """

    name: str
    kind: str
    config: str = ''
    title: str = ''
    options: Mapping[str, Any] = field(default_factory=dict)
    train_options: Mapping[str, Any] = field(default_factory=dict)
    test_options: Mapping[str, Any] = field(default_factory=dict)
    iterations: Optional[int] = None
    args: Tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    checkpoint: Optional[str] = None
    control: Optional[str] = None
    path: Optional[str] = None
    command: Tuple[str, ...] = ()

    @property
    def trains(self) -> bool:
        return KINDS[self.kind][0]

    @property
    def makes(self) -> Optional[str]:
        return KINDS[self.kind][1]

    @property
    def needs(self) -> List[str]:
        """Entries whose output it takes, each once."""
        told = [self.options, self.train_options, self.test_options, self.env, self.args,
                self.checkpoint, self.command]
        return list(dict.fromkeys(name for _, name in _made(told)))


@dataclass(frozen=True)
class Grid:
    """Entries by name, and how to show them.

    Args:
        name: of its table's files.
        title, note: of its table.
        entries: all, in order.
        rows: entries that have a row.
        classes: class names of the headline column (background included where it counts).
        gt, ids: folder of masks and list of image ids that maps and labels are judged on.
        figures: further metrics of the logs to show, e.g. ``['leak/absent_predicted']``.
        seeds: default seeds.
    """

    name: str
    title: str
    entries: Dict[str, Entry]
    rows: Tuple[str, ...]
    control: Optional[str]
    note: str = ''
    classes: Tuple[str, ...] = ()
    gt: Optional[str] = None
    ids: Optional[str] = None
    figures: Tuple[str, ...] = ()
    seeds: Tuple[int, ...] = (0, 1, 2)

    def control_of(self, name: str) -> Optional[str]:
        return self.entries[name].control or self.control

    def closure(self, names=None) -> List[str]:
        """The given entries (all rows, if None), their controls and all that they need, in an
        order in which each comes after what it needs."""
        order: List[str] = []

        def visit(name: str, above: Tuple[str, ...]) -> None:
            if name in above:
                raise ValueError(f'grid {self.name}: {" needs ".join([*above, name])}')
            for need in self.entries[name].needs:
                visit(need, (*above, name))
            if name not in order:
                order.append(name)

        for name in (self.rows if names is None else names):
            control = self.control_of(name)
            for wanted in ([control] if control in self.entries else []) + [name]:
                visit(wanted, ())
        return order


def find_grid(name: str) -> Path:
    """A grid file by path, or by name among those shipped.

    Raises:
        ValueError: there is none; names those that there are.
    """
    for path in (Path(name), GRIDS / name, GRIDS / f'{name}.py'):
        if path.is_file():
            return path
    shipped = sorted(p.stem for p in GRIDS.glob('*.py') if not p.stem.startswith('_'))
    raise ValueError(f'no grid {name!r}; give a file or one of {", ".join(shipped)}')


def read_grid(name: str, given: Optional[Mapping[str, str]] = None,
              options: Optional[Mapping[str, Any]] = None) -> Grid:
    """Read and check a grid.

    Args:
        name: see :func:`find_grid`.
        given: entry -> path (with ``{seed}``) of maps or labels that are there already.
        options: laid over the options of all entries.

    Raises:
        ValueError: unknown keys, kinds, rows, controls or needs.
    """
    path = find_grid(name)
    cfg = Config.fromfile(str(path), import_custom_modules=False)
    entries = {key: _entry(key, _plain(value), path) for key, value in cfg['entries'].items()
               if value is not None}
    for key, where in (given or {}).items():
        if key not in entries:
            raise ValueError(f'--given {key}: {path} has no such entry')
        entries[key] = Entry(key, 'given', path=where, title=entries[key].title,
                             control=entries[key].control)
    if options:
        entries = {key: entry if entry.kind in ('given', 'command') else replace(
            entry, options={**entry.options, **options}) for key, entry in entries.items()}
    told = {key: _plain(cfg[key]) for key in ('note', 'classes', 'gt', 'ids', 'figures', 'seeds')
            if cfg.get(key) is not None}
    grid = Grid(
        name=path.stem, title=cfg.get('title') or path.stem, entries=entries,
        rows=tuple(cfg.get('rows') or entries), control=cfg.get('control'),
        **{key: tuple(v) if isinstance(v, (list, tuple)) else v for key, v in told.items()})
    _check(grid, path)
    return grid


def _entry(name: str, told: Dict[str, Any], path: Path) -> Entry:
    unknown = sorted(set(told) - {f.name for f in fields(Entry)})
    if unknown or told.get('kind') not in KINDS or not _NAME.fullmatch(name):
        raise ValueError(f'{path}: entry {name!r}: kind {told.get("kind")!r} must be one of '
                         f'{sorted(KINDS)}' + (f'; unknown keys {unknown}' if unknown else ''))
    entry = Entry(name=name, **{**told, 'args': tuple(told.get('args', ())),
                                'command': tuple(told.get('command', ()))})
    lacking = dict(given='path', command='command').get(entry.kind, 'config')
    if not getattr(entry, lacking):
        raise ValueError(f'{path}: entry {name!r} of kind {entry.kind!r} needs {lacking}=')
    if entry.kind in ('scores', 'maps') and not entry.checkpoint:
        raise ValueError(f'{path}: entry {name!r} of kind {entry.kind!r} needs checkpoint=')
    return entry


def _check(grid: Grid, path: Path) -> None:
    wanted = {f'needed by {name}': need for name, e in grid.entries.items() for need in e.needs}
    wanted.update({f'row {i + 1}': name for i, name in enumerate(grid.rows)})
    wanted.update({f'control of {name}': e.control for name, e in grid.entries.items()
                   if e.control})
    if grid.control is not None:
        wanted['control'] = grid.control
    for what, name in wanted.items():
        if name not in grid.entries:
            raise ValueError(f'{path}: no entry {name!r} ({what}); there are '
                             f'{", ".join(grid.entries)}')
    for name in grid.closure():
        if grid.entries[name].makes in ('maps', 'labels') and not (grid.gt and grid.ids):
            raise ValueError(f'{path}: {name!r} makes {grid.entries[name].makes}: say with gt= '
                             'and ids= what to judge them on')


def _made(value: Any) -> List[Tuple[str, str]]:
    """(what, entry) of each place in strings inside ``value``."""
    if isinstance(value, str):
        return _MADE.findall(value)
    if isinstance(value, Mapping):
        return [made for v in value.values() for made in _made(v)]
    if isinstance(value, (list, tuple)):
        return [made for v in value for made in _made(v)]
    return []


def fill(value: Any, places: Mapping[str, str]) -> Any:
    """The same with each ``{place}`` in its strings replaced; unknown ones stay. A string that is
    a threshold becomes a number."""
    if isinstance(value, str):
        if value.startswith('{threshold:') and value[1:-1] in places:
            return float(places[value[1:-1]])
        for place, text in places.items():
            value = value.replace('{' + place + '}', text)
        return value
    if isinstance(value, Mapping):
        return {key: fill(v, places) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(fill(v, places) for v in value)
    return value


def flatten(options: Mapping[str, Any], prefix: str = '') -> Dict[str, Any]:
    """Nested options with dotted keys, as ``--cfg-options`` takes them."""
    flat: Dict[str, Any] = {}
    for key, value in options.items():
        if isinstance(value, Mapping) and value:
            flat.update(flatten(value, f'{prefix}{key}.'))
        else:
            flat[f'{prefix}{key}'] = value
    return flat


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(v) for v in value)
    return value
