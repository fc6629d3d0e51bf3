"""The config that a stage runs: read with its environment, adapted, and written down whole."""
import contextlib
import os
import os.path as osp
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmengine.config import Config

from mmwsss.datasets.classes import BACKGROUND

from ..hooks.sibling_nodes_hook import sibling_images
from ..launch import load_config

# A stage gets these from its ``env`` or not at all: leftovers of other work must not leak in.
CARRIED = ('MMWSSS_LABELS', 'MMWSSS_ACTIVATIONS')
_TRAINING = ('train_dataloader', 'train_cfg', 'train_pipeline', 'val_dataloader', 'val_cfg',
             'val_evaluator', 'optim_wrapper', 'param_scheduler', 'max_iters')
_TESTING = ('test_dataloader', 'test_cfg', 'test_evaluator')
_WRITERS = {'ActivationWriter': 'activations', 'LabelWriter': 'labels'}


@contextlib.contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables, and unset those of :data:`CARRIED`, for as long as a config is read."""
    before = dict(os.environ)
    try:
        for name in CARRIED:
            os.environ.pop(name, None)
        os.environ.update({name: str(value) for name, value in values.items()})
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def resolve_config(script: str, root: str, env: Mapping[str, str], options: Mapping[str, Any],
                   seed: int, outputs: Mapping[str, str], train: bool = True,
                   iterations: int | None = None,
                   classes: Sequence[str] | None = None) -> Config:
    """The config of a stage, self-contained.

    Args:
        script: config file, as ``tools/train.py`` finds it.
        root: the folder that holds ``configs``.
        env: environment variables that it is read with.
        options: merged into it.
        seed: goes into ``randomness``.
        outputs: name -> path; a writer of maps or labels among the evaluators writes to the
            output ``activations`` or ``labels``, and alone: metrics of a loop that is gone on with
            would be those of its rest.
        train: whether it trains; a test's config keeps nothing of training and
            validation, a training's nothing of the test.
        iterations: length of the training, see :func:`set_iterations`.
        classes: foreground classes of the data, for configs made for any number of classes.
    """
    with environment(env):
        cfg = load_config(script, root)
    if options:
        cfg.merge_from_dict(dict(options))
    if iterations is not None and train:
        set_iterations(cfg, iterations)
    if classes is not None:
        set_classes(cfg, classes)
    cfg.randomness = dict(cfg.get('randomness') or {}, seed=seed)
    if not train:
        _keep_siblings(cfg)
    for key in _unused(cfg, train):
        cfg.pop(key, None)  # a new threshold must not train a network again
    _write_to(cfg, outputs)
    return cfg


def _keep_siblings(cfg: Config) -> None:
    """Name the images that a test takes siblings from, before the training set goes."""
    for hook in cfg.get('custom_hooks') or []:
        if hook['type'] == 'SiblingNodesHook' and not hook.get('dataset') \
                and cfg.get('train_dataloader'):
            hook['dataset'] = sibling_images(cfg)


def _unused(cfg: Config, train: bool) -> Sequence[str]:
    if not train:
        return _TRAINING
    hooks = {hook['type'] for hook in cfg.get('custom_hooks') or []}
    return () if 'SiblingNodesHook' in hooks else _TESTING  # it reads the test's pipeline


def set_iterations(cfg: Config, iterations: int) -> None:
    """Train for so many iterations: schedules that ended with the training still do, and it is
    validated and saved at the end at the latest."""
    before = cfg.train_cfg.max_iters
    cfg.train_cfg.max_iters = iterations
    if 'max_iters' in cfg:
        cfg.max_iters = iterations
    interval = cfg.train_cfg.get('val_interval')
    if interval:
        cfg.train_cfg.val_interval = iterations if interval >= before else min(
            interval, iterations)
    for schedule in cfg.get('param_scheduler') or []:
        for key in ('begin', 'end'):
            value = schedule.get(key, 0)
            if value >= before:
                schedule[key] = iterations
            elif value > 0:  # a warm-up
                schedule[key] = min(value, max(1, iterations // 2))
    checkpoint = (cfg.get('default_hooks') or {}).get('checkpoint')
    if checkpoint is not None and checkpoint.get('interval', 0) > 0:
        checkpoint.interval = min(checkpoint.interval, iterations)


def last_checkpoint(cfg: Config, run_dir: str) -> str:
    """Where training leaves its last checkpoint."""
    loop = cfg.train_cfg
    step = f'iter_{loop.max_iters}' if 'max_iters' in loop else f'epoch_{loop.max_epochs}'
    return osp.join(run_dir, f'{step}.pth')


def set_classes(cfg: Config, classes: Sequence[str]) -> None:
    """Give data sets these foreground classes, and heads and metrics as many.

    For data sets without classes of their own (``ImageLabelDataset``, ``FolderSegDataset``);
    segmentation heads and ``PseudoLabelQuality`` count the background too. Of a single class a
    ``ReCAMHead`` makes maps by its classifier, since its predictor learns nothing.
    """
    classes, segments = list(classes), cfg.get('default_scope') == 'mmseg'
    for name in ('train', 'val', 'test'):
        loader = cfg.get(f'{name}_dataloader')
        if loader is not None and loader.dataset.type == 'ImageLabelDataset':
            loader.dataset.classes = classes
        elif loader is not None and loader.dataset.type == 'FolderSegDataset':
            loader.dataset.classes = [BACKGROUND, *classes]
    _set_num_classes(cfg.model, len(classes) + segments)
    head = cfg.model.get('head') or {}
    if len(classes) == 1 and head.get('type') == 'ReCAMHead':
        head['cam_weights'] = 'classifier'
    for name in ('val_evaluator', 'test_evaluator'):
        for evaluator in _listed(cfg.get(name)):
            if 'num_classes' in evaluator:
                evaluator.num_classes = 1 + len(classes)


def without_masks(cfg: Config) -> None:
    """No validation, and a test that only writes predictions: there are no masks."""
    for key in ('dataloader', 'cfg', 'evaluator'):
        if f'val_{key}' in cfg:
            cfg[f'val_{key}'] = None
    loader = cfg.get('test_dataloader')
    if loader is not None:
        folders = loader.dataset.get('data_prefix')
        if isinstance(folders, dict):  # a string is the folder of images alone
            folders.pop('seg_map_path', None)
        loader.dataset.pipeline = [step for step in loader.dataset.pipeline
                                   if step.type not in ('LoadSegLabels', 'LoadAnnotations')]
    for evaluator in _listed(cfg.get('test_evaluator')):
        if evaluator.type.endswith('IoUMetric'):
            evaluator.format_only = True
            evaluator.setdefault('output_dir', 'predictions')


def _set_num_classes(model, count: int) -> None:
    if isinstance(model, dict):
        for key, value in model.items():
            if key == 'num_classes':
                model[key] = count
            else:
                _set_num_classes(value, count)
    elif isinstance(model, (list, tuple)):
        for entry in model:
            _set_num_classes(entry, count)


def _listed(evaluators) -> list:
    if evaluators is None:
        return []
    return list(evaluators) if isinstance(evaluators, (list, tuple)) else [evaluators]


def _write_to(cfg: Config, outputs: Mapping[str, str]) -> None:
    for evaluator in _listed(cfg.get('test_evaluator')):
        output = outputs.get(_WRITERS.get(evaluator.type))
        if output is not None:
            evaluator.out = output
            cfg.test_dataloader.dataset.skip_stored = output
            cfg.test_evaluator = evaluator
            return


def flat(value: Any, prefix: str = '') -> dict[str, Any]:
    """Dotted key -> plain value, for comparing configs."""
    if isinstance(value, Mapping) and value:
        return {key: entry for name, nested in value.items()
                for key, entry in flat(nested, f'{prefix}{name}.').items()}
    if isinstance(value, (list, tuple)) and any(isinstance(e, Mapping) for e in value):
        return {key: entry for i, nested in enumerate(value)
                for key, entry in flat(nested, f'{prefix}{i}.').items()}
    return {prefix.rstrip('.'): list(value) if isinstance(value, tuple) else value}
