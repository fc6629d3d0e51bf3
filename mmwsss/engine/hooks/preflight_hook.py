"""Finding what is wrong with a run before it starts."""
from typing import Callable, List, Optional

import torch.distributed
from mmengine.dist import get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.registry import HOOKS
from mmengine.runner import BaseLoop

from mmwsss.datasets.classes import BACKGROUND

from .. import preflight
from ..resume import check_resumable, newest_loadable
from ..safe_load import CheckpointError, use_safe_loading


@HOOKS.register_module()
class PreflightHook(Hook):
    """Checks model, labels, weights and checkpoints before any training or testing work.

    Add it to ``custom_hooks`` of any config; ``tools/train.py`` and ``tools/test.py`` add it where
    it is missing. All that is wrong comes as one :class:`PreflightError`:

    * a head's ``num_classes`` is not the data set's;
    * a class graph lacks a class of the data set, has another order, or its file is missing;
    * initial weights do not exist, cannot be downloaded, or are cut short;
    * labels are unreadable, or differ from their image in size, or hold other values than classes;
    * images that have image-level labels only are unreadable;
    * the proposals of the images that are trained on or tested are missing, malformed, have
      boxes of none of them, or a number for an image that can be two (of validation images: a
      warning, their patch is the background);
    * the checkpoint to load, test or resume from is cut short or of another model;
    * the store that a test would add to holds maps of another checkpoint.

    With ``resume=True`` and no ``load_from`` the newest checkpoint that loads is taken, and the
    log says which newer ones were skipped and why. Local checkpoints are loaded with
    ``weights_only=True`` from then on (:func:`use_safe_loading`).

    Args:
        max_headers (int): See :func:`mmwsss.engine.preflight.check_labels`. Default 20000.
        max_decoded (int): See there. Default 64. Both 0: labels and images are not looked at.
    """

    priority = 'HIGHEST'

    def __init__(self, max_headers: int = 20000, max_decoded: int = 64) -> None:
        self.max_headers = max_headers
        self.max_decoded = max_decoded

    def before_run(self, runner) -> None:
        use_safe_loading()
        training = isinstance(runner._train_loop, BaseLoop)
        if training and runner._resume and runner._load_from is None:
            runner._load_from = self._choose_checkpoint(runner)
        problems = self._check_model(runner, training)
        for dataset in _datasets(runner):
            problems += self._check_data(runner.model, dataset)
        problems += _on_main(lambda: _check_proposals(runner))
        if problems:
            raise preflight.PreflightError(list(dict.fromkeys(problems)))
        runner.logger.info('checked before the start: model, class graph, weights, labels')

    def before_test(self, runner) -> None:
        """Let metrics that write files see the model, whose weights are loaded by now, and the
        data set."""
        for metric in runner.test_loop.evaluator.metrics:
            if hasattr(metric, 'check_model'):
                metric.check_model(_maker_of_maps(runner.model))
            if hasattr(metric, 'check_data'):
                metric.check_data(runner.test_loop.dataloader.dataset)

    def _check_model(self, runner, training: bool) -> List[str]:
        model = _bare(runner.model)
        problems, keys = [], []
        if runner._load_from is not None:
            problems, keys = _on_main(lambda: _check_given(runner, training))
        if not training and keys:
            problems += preflight.check_state_dict(model, keys, runner._load_from)
        if training or keys:
            problems += preflight.check_graph_files(model, keys)
        if training:
            unreachable = _on_main(lambda: preflight.check_init_weights(model))
            if unreachable and runner._resume and not problems:
                # the checkpoint replaces them anyway
                runner.logger.warning(f'skipped the initial weights: {"; ".join(unreachable)}')
                model._is_init = True
            else:
                problems += unreachable
        return problems

    def _check_data(self, model, dataset) -> List[str]:
        classes = (getattr(dataset, 'metainfo', None) or {}).get('classes')
        if classes is not None and getattr(_undistributed(model), 'adds_background', False):
            classes = (BACKGROUND, *(c for c in classes if c != BACKGROUND))
        model = _bare(model)
        problems = preflight.check_num_classes(model, classes)
        problems += preflight.check_class_names(model, classes)
        limits = (self.max_headers, self.max_decoded)
        problems += _on_main(lambda: preflight.check_labels(dataset, *limits))
        problems += _on_main(lambda: preflight.check_images(dataset, *limits))
        return problems

    def _choose_checkpoint(self, runner) -> Optional[str]:
        chosen = _on_main(lambda: newest_loadable(runner.work_dir))
        for path, reason in chosen.skipped:
            runner.logger.warning(f'skipped {path}: {reason}')
        if chosen.path is None:
            runner._resume = False
            runner.logger.warning(
                f'nothing to resume in {runner.work_dir}: starting from the beginning')
        else:
            runner.logger.info(f'resuming from {chosen.path}')
        return chosen.path


def _datasets(runner) -> list:
    loops = (runner._train_loop, runner._val_loop, runner._test_loop)
    return [loop.dataloader.dataset for loop in loops if isinstance(loop, BaseLoop)]


def _check_proposals(runner) -> List[str]:
    problems = []
    for loop in (runner._train_loop, runner._test_loop):
        if isinstance(loop, BaseLoop):
            problems += preflight.check_proposals(loop.dataloader.dataset)
    if not problems and isinstance(runner._val_loop, BaseLoop):
        for problem in preflight.check_proposals(runner._val_loop.dataloader.dataset):
            runner.logger.warning(f'validation without boxes: {problem}')
    return problems


def _check_given(runner, training: bool):
    """Problems and keys of the checkpoint that the runner was told to load or resume from."""
    path = runner._load_from
    problems, keys = preflight.check_checkpoint(path)
    if training and runner._resume and not problems and '://' not in path:
        try:
            check_resumable(path)
        except CheckpointError as e:
            problems = [str(e)]
    return problems, keys


def _undistributed(model):
    return model.module if is_model_wrapper(model) else model


def _bare(model):
    model = _undistributed(model)
    return model.module if isinstance(model, BaseTTAModel) else model


def _maker_of_maps(model):
    model = _undistributed(model)
    return model if hasattr(model, 'maps_source') else _bare(model)


def _on_main(work: Callable):
    """Result of ``work()``, done by the main process alone; its error is raised by all."""
    if get_world_size() == 1:
        return work()
    outcome = [None, None]
    if is_main_process():
        try:
            outcome[0] = work()
        except Exception as e:
            outcome[1] = e
    torch.distributed.broadcast_object_list(outcome, src=0)
    if outcome[1] is not None:
        raise outcome[1]
    return outcome[0]
