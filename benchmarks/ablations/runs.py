"""One run: an entry with a seed. Its folder, its steps and their commands.

    OUT/runs/NAME_sSEED/
        run.json              entry, commit, digests of code and config, packages
        config_train.py ...   resolved configs: what the commands run
        train/, test/         work dirs of tools/train.py and tools/test.py
        maps or labels        what the test writes
        steps/                a log, a list of attempts and, once done, a record of each step
        result.json           there when all is done
"""
import json
import os
import sys
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional

from mmengine.config import Config

from mmwsss.engine.pipeline.fingerprints import digest
from mmwsss.engine.pipeline.stage_config import environment, last_checkpoint, resolve_config
from mmwsss.labels.stores import kind_of_store

from .grid import Entry, Grid, fill, flatten

ROOT = Path(__file__).resolve().parents[2]
_OUTPUTS = {'maps': 'activations', 'labels': 'labels'}  # as resolve_config calls them


class Step(NamedTuple):
    """One command of a run; ``command`` is None for what happens in this process (judging)."""

    name: str
    command: Optional[List[str]]


class Run:
    """An entry with a seed in an output directory."""

    def __init__(self, grid: Grid, entry: Entry, seed: int, out: Path,
                 read: Optional[Dict[tuple, Any]] = None) -> None:
        self.grid, self.entry, self.seed, self.out = grid, entry, seed, out
        self.name = f'{entry.name}_s{seed}'
        self.folder = out / 'runs' / self.name
        # Configs and recipes are the same for all seeds: read once, shared by all runs.
        self._read: Dict[tuple, Any] = {} if read is None else read

    def __repr__(self) -> str:
        return f'Run({self.name})'

    @property
    def needs(self) -> List['Run']:
        return [Run(self.grid, self.grid.entries[name], self.seed, self.out, self._read)
                for name in self.entry.needs]

    # What others get of it

    @property
    def output(self) -> Path:
        """Store of maps or labels that it makes."""
        if self.entry.kind == 'given':
            return Path(fill(self.entry.path, dict(seed=str(self.seed)))).expanduser().resolve()
        return self.folder / str(self.entry.makes)

    @property
    def checkpoint(self) -> str:
        """Where its training ends, or the checkpoint that it is given."""
        if self.entry.kind == 'given':
            return str(self.output)
        if not self.entry.trains:
            return self.filled(self.entry.checkpoint or 'none')
        return last_checkpoint(self.config('train'), str(self.folder / 'train'))

    @property
    def result(self) -> Optional[dict]:
        """What was measured, or None as long as it is not done."""
        return read_json(self.folder / 'result.json')

    @property
    def is_done(self) -> bool:
        return self.result is not None

    def check_given(self) -> None:
        """Raises ValueError if what should be there already is not."""
        if self.entry.kind == 'given' and not self.output.exists():
            raise ValueError(f'entry {self.entry.name!r} is given, but there is no {self.output}')

    @property
    def judges(self) -> bool:
        """Whether it makes, or is given, maps or labels to be compared with masks."""
        if self.entry.kind != 'given':
            return self.entry.makes in _OUTPUTS
        return self.output.is_dir() and self.entry.name in self.grid.rows

    # What it runs

    @property
    def steps(self) -> List[Step]:
        """Its commands in order."""
        entry, steps = self.entry, []
        if entry.kind == 'command':
            program, *rest = self.filled(list(entry.command))
            return [Step('command', [sys.executable if program == 'python' else program, *rest])]
        if entry.trains:
            steps.append(Step('train', self._tool('train', '--resume')))
        if entry.makes:
            steps.append(Step('test', self._tool(
                'test', *self.filled(entry.args), checkpoint=[self.checkpoint])))
        if self.judges:
            steps.append(Step('judge', None))
        return steps

    def _tool(self, step: str, *args: str, checkpoint=()) -> List[str]:
        return [sys.executable, str(ROOT / f'tools/{step}.py'),
                str(self.folder / f'config_{step}.py'), *checkpoint, *args, '--work-dir',
                str(self.folder / step)]

    def filled(self, value: Any) -> Any:
        """``value`` with the seed and the paths of what other entries have made."""
        places = dict(seed=str(self.seed), run=str(self.folder))
        for need in self.needs:
            places[f'run:{need.entry.name}'] = str(need.folder)
            if need.entry.trains or need.entry.kind in ('given', 'scores', 'maps'):
                places[f'checkpoint:{need.entry.name}'] = need.checkpoint
            threshold = (need.result or {}).get('metrics', {}).get('threshold')
            if threshold is not None:
                places[f'threshold:{need.entry.name}'] = f'{threshold:.4f}'
            for what in ('maps', 'labels'):
                places[f'{what}:{need.entry.name}'] = str(need.output)
        return fill(value, places)

    def config(self, step: str) -> Config:
        """Resolved config of a step, with the places of seed and paths still open: the same for
        all seeds."""
        key = (self.entry.name, step)
        if key not in self._read:
            self._read[key] = self._resolve(step, lambda value: value, seed=0)
        return self._read[key]

    def write_configs(self) -> None:
        """Save the configs that the commands run."""
        for step in self.steps:
            if step.name in ('train', 'test'):
                self._resolve(step.name, self.filled, self.seed).dump(
                    str(self.folder / f'config_{step.name}.py'))

    def _resolve(self, step: str, fill_in, seed: int) -> Config:
        entry, train = self.entry, step == 'train'
        options = {**flatten(entry.options),
                   **flatten(entry.train_options if train else entry.test_options)}
        out = {} if train else {
            kind: fill_in(f'{{run}}/{what}') for what, kind in _OUTPUTS.items()
            if what == entry.makes}
        cfg = resolve_config(entry.config, str(ROOT), fill_in(dict(entry.env)), fill_in(options),
                             seed, out, train, entry.iterations)
        if train and entry.makes == 'scores':  # tested once, by tools/test.py
            cfg.val_dataloader = cfg.val_cfg = cfg.val_evaluator = None
        if out and (not isinstance(cfg.test_evaluator, dict)
                    or cfg.test_evaluator.get('out') not in out.values()):
            raise ValueError(f'{entry.config}: entry {entry.name!r} is to make {entry.makes}, '
                             'but no evaluator of its test writes them')
        return cfg

    # What it is made from

    def recipe(self) -> str:
        """Digest of resolved configs, arguments and the recipes of what it needs."""
        key = (self.entry.name, 'recipe')
        if key not in self._read:
            self._read[key] = digest(self._made_from())
        return self._read[key]

    def _made_from(self) -> list:
        entry = self.entry
        if entry.kind == 'given':
            return ['given', entry.path]
        steps = [] if entry.kind == 'command' else ['train'] * entry.trains + ['test']
        return [entry.kind, {step: self.config(step).to_dict() for step in steps},
                list(entry.args), list(entry.command), dict(entry.env), entry.checkpoint,
                [need.recipe() for need in self.needs]]

    def child_environment(self) -> Dict[str, str]:
        """Environment of its commands: ours without leftovers of other work, and the entry's."""
        with environment(self.filled(dict(self.entry.env))):
            child = dict(os.environ)
        child['PYTHONPATH'] = os.pathsep.join(
            [str(ROOT), *filter(None, [child.get('PYTHONPATH')])])
        return child


def all_runs(grid: Grid, seeds, out: Path, names=None) -> List[Run]:
    """Runs of entries (all rows if None) and of all that they need; seed by seed."""
    read: Dict[tuple, Any] = {}
    return [Run(grid, grid.entries[name], seed, out, read)
            for seed in seeds for name in grid.closure(names)]


def is_store(path: Path) -> bool:
    """Whether there is a store of maps or labels, or a folder of label PNGs."""
    return path.is_dir() and (kind_of_store(path) is not None or any(path.glob('*.png')))


def read_json(path: Path) -> Optional[dict]:
    """A JSON file that was written whole, or None if there is none."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None
