"""A pipeline in a work directory: where things lie, and what each stage is about to run."""
import os
import os.path as osp
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmwsss.datasets.classes import COCO_CLASSES, VOC_CLASSES
from mmwsss.datasets.image_labels import ImageLabels

from .description import Pipeline, PipelineError, Stage, expand, places
from .fingerprints import Fingerprints, code_digest, digest
from .record import Record
from .stage_config import flat, last_checkpoint, resolve_config, without_masks

# Fields of ``data`` that are paths; relative ones lie in its root.
FOLDERS_AND_LISTS = ('images', 'val_images', 'train_list', 'val_list', 'judge_list',
                     'image_labels')
MASKS = ('train_masks', 'val_masks')


class NotReadyError(Exception):
    """Something that an earlier stage makes is wanted and not there yet."""


@dataclass(frozen=True)
class Prepared:
    """A stage with everything filled in."""

    stage: Stage
    folder: Path
    inputs: dict[str, str]
    sources: dict[str, str | None]
    outputs: dict[str, str]
    args: list[str]
    env: dict[str, str]
    config: Config | None
    config_digest: str
    code_digest: str

    @property
    def record(self) -> Record:
        """Its ``stage.json``."""
        return Record(self.folder)

    @property
    def config_path(self) -> Path:
        """The resolved config that it runs."""
        return self.folder / 'config.py'

    @property
    def run_dir(self) -> Path:
        """MMEngine's work dir."""
        return self.folder / 'run'


class Workspace:
    """Paths and values of a pipeline in one work directory.

    Args:
        pipeline: what to run.
        work: the work directory.
        root: the folder that holds ``configs`` and ``tools``.
        seed: instead of the pipeline's.
    """

    def __init__(self, pipeline: Pipeline, work: str | os.PathLike, root: str,
                 seed: int | None = None) -> None:
        self.pipeline = pipeline
        self.work = Path(osp.abspath(work))
        self.root = root
        self.seed = pipeline.seed if seed is None else seed
        self.fingerprints = Fingerprints(self.work / 'fingerprints.json')

    # Data

    @lru_cache(maxsize=None)  # noqa: B019  (one workspace a run)
    def data(self) -> dict[str, Any]:
        """The data of the pipeline with absolute paths; masks that are not there are None.

        Fields that an earlier stage makes (``{labels.image_labels}``) are filled in too.
        """
        given = dict(self.pipeline.data)
        base = Path(osp.abspath(given.get('root') or '.'))
        known = dict(self._made(), work=str(self.work))
        unknown = [place for place in places(given) if place not in known]
        if unknown:
            raise PipelineError(f'{self.pipeline.path}: data names {unknown}, made by no stage')
        data = {key: expand(value, known) for key, value in given.items()}
        data['root'] = str(base)
        for key in (*FOLDERS_AND_LISTS, *MASKS):
            value = data.get(key)
            data[key] = str(base / value) if value else None
        if data.get('classes') not in ('voc', 'coco') and isinstance(data.get('classes'), str):
            data['classes'] = str(base / data['classes'])
        for key in MASKS:
            if data[key] is not None and not osp.isdir(data[key]):
                data[key] = None
        data['judge_list'] = data['judge_list'] or data['train_list']
        return data

    def classes(self) -> tuple[str, ...]:
        """Foreground classes; ``NotReadyError`` while their file is still to be made."""
        given = self.data().get('classes')
        if given in ('voc', 'coco'):
            return VOC_CLASSES if given == 'voc' else COCO_CLASSES
        if not isinstance(given, str):
            return tuple(given or ())
        if not osp.isfile(given):
            raise NotReadyError(f'{given} does not exist yet')
        return ImageLabels.load(given).classes

    @property
    def any_classes(self) -> bool:
        """Whether configs are made for any classes, so that heads must be told how many."""
        return self.data().get('classes') not in ('voc', 'coco')

    # Stages

    def folder(self, name: str) -> Path:
        """Where a stage writes."""
        return self.work / 'stages' / name

    def _made(self) -> dict[str, str]:
        return {f'{stage.name}.{name}': osp.normpath(self.folder(stage.name) / path)
                for stage in self.pipeline.stages for name, path in stage.outputs.items() if path}

    @lru_cache(maxsize=None)  # noqa: B019
    def checkpoint(self, name: str) -> str:
        """The last checkpoint of a train stage."""
        stage = self.pipeline.stage(name)
        outputs, _, inputs = self._paths(stage)
        config = self._config(stage, {**inputs, **outputs})
        return last_checkpoint(config, str(self.folder(name) / 'run'))

    def prepare(self, stage: Stage) -> Prepared:
        """Fill in a stage.

        Raises:
            NotReadyError: the classes come from a stage that has not run.
            PipelineError: an input's ``{data.x}`` is not in the data.
        """
        outputs, sources, inputs = self._paths(stage)
        known = {**inputs, **outputs}
        config = None if stage.kind == 'tool' else self._config(stage, known)
        if stage.kind == 'train':
            outputs['checkpoint'] = last_checkpoint(config, str(self.folder(stage.name) / 'run'))
        args = [str(arg) for arg in self._fill(stage.args, known, stage)]
        env = self._env(stage, known)
        return Prepared(
            stage=stage, folder=self.folder(stage.name), inputs=inputs, sources=sources,
            outputs=outputs, args=args, env=env, config=config,
            config_digest=self.config_digest(stage, config, args, env),
            code_digest=code_digest(self.tools(stage), whole=stage.after_all))

    def tools(self, stage: Stage) -> list[str]:
        """The scripts that it runs."""
        main = {'train': 'tools/train.py', 'test': 'tools/test.py'}.get(stage.kind, stage.script)
        judge = ['tools/evaluate_labels.py'] if stage.judge else []
        return [self.script(path) for path in [main, *judge]]

    def script(self, path: str) -> str:
        """A tool under the current directory, else beside the package."""
        for found in (path, osp.join(self.root, path)):
            if osp.isfile(found):
                return osp.abspath(found)
        raise PipelineError(f'{self.pipeline.path}: tool {path} is neither under {os.getcwd()} '
                            f'nor under {self.root}')

    def config_digest(self, stage: Stage, config: Config | None, args: Sequence[str],
                      env: Mapping[str, str]) -> str:
        """Digest of what is run, wherever the work directory lies."""
        ran = stage.script if config is None else flat(config.to_dict())
        value = [stage.kind, ran, list(args), dict(env) if config is None else {}]
        return digest(_without(value, str(self.work)))

    def judging(self, prepared: Prepared) -> list[str] | None:
        """Arguments of ``tools/evaluate_labels.py`` for a stage's maps or labels."""
        data, stage = self.data(), prepared.stage
        if (stage.judge is None or data['train_masks'] is None
                or not osp.isfile(data['judge_list'] or '')):
            return None
        return ['--pred', prepared.outputs[stage.judge], '--gt', data['train_masks'],
                '--list', data['judge_list'], '--num-classes', str(1 + len(self.classes())),
                '--json', prepared.outputs['quality']]

    def _paths(self, stage: Stage) -> tuple[dict, dict, dict]:
        """Outputs, which stage's output an input is, and inputs, all absolute paths."""
        outputs = {name: osp.normpath(self.folder(stage.name) / path)
                   for name, path in stage.outputs.items() if path}
        inputs, sources = {}, {}
        for name, value in stage.inputs.items():
            filled = self._fill(value, {}, stage)
            if filled is None or filled == '':
                continue
            inputs[name] = osp.abspath(str(filled))
            sources[name] = self._origin(value)
        return outputs, sources, inputs

    def edges(self) -> list[tuple[str, str, str]]:
        """(from, to, name of the input) for each output that a later stage takes."""
        return [(source.split('.')[0], stage.name, name) for stage in self.pipeline.stages
                for name, value in stage.inputs.items()
                for source in [self._origin(value)] if source]

    def _origin(self, value: str) -> str | None:
        """The output that an input is, by itself or as where the data lie."""
        names = {stage.name for stage in self.pipeline.stages}
        for place in places(value):
            inner = places(self.pipeline.data.get(place[5:])) if place[:5] == 'data.' else [place]
            for found in inner:
                if found.split('.')[0] in names:
                    return found
        return None

    def _fill(self, value: Any, known: Mapping[str, Any], stage: Stage) -> Any:
        values = dict(known, work=str(self.work), stage=str(self.folder(stage.name)))
        wanted = places(value)
        for place in wanted:
            if place.startswith('data.'):
                if place[5:] not in self.data():
                    raise PipelineError(f'{self.pipeline.path}: stage {stage.name!r} wants '
                                        f'{{{place}}}, but data has {sorted(self.data())}')
                values[place] = self.data()[place[5:]]
            elif place in ('num_classes', 'num_foreground'):
                values[place] = len(self.classes()) + (place == 'num_classes')
            elif place.endswith('.checkpoint'):
                values[place] = self.checkpoint(place.split('.')[0])
        missing = [place for place in wanted if place not in {**self._made(), **values}]
        if missing:  # an input that is left out takes what names it along
            return None
        return expand(value, {**self._made(), **values})

    def _env(self, stage: Stage, known: Mapping[str, str]) -> dict[str, str]:
        filled = {name: self._fill(value, known, stage) for name, value in stage.env.items()}
        return {name: str(value) for name, value in filled.items() if value is not None}

    def _config(self, stage: Stage, known: Mapping[str, str]) -> Config:
        options = {key: filled for key, value in stage.options.items()
                   for filled in [self._fill(value, known, stage)] if filled is not None}
        cfg = resolve_config(
            stage.script, self.root, self._env(stage, known), options, self.seed, known,
            stage.kind == 'train', stage.iterations, self.classes() if self.any_classes else None)
        if self.data()['val_masks'] is None and cfg.get('default_scope') == 'mmseg':
            without_masks(cfg)
        return cfg


def _without(value: Any, work: str) -> Any:
    if isinstance(value, str):
        return value.replace(work, '{work}')
    if isinstance(value, dict):
        return {key: _without(entry, work) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without(entry, work) for entry in value]
    return value


def python() -> str:
    """The interpreter that runs the stages: this one."""
    return sys.executable
