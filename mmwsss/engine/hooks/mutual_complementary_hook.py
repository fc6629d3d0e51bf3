"""Labels that grow with the network: P-GNN's mutual-complementary updates during training.

Source: Zhang, Chen, Ju et al. (P-GNN), Eq. 11: after each epoch the network's own foreground
fills what the pseudo labels call background.
"""
import math
import os
import os.path as osp
import time
from typing import Any, Optional, Sequence

from mmengine.dist import get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.registry import HOOKS
from mmengine.runner import BaseLoop, IterBasedTrainLoop

from mmwsss.labels.complementary import CONFLICTS, IGNORED_PIXELS

from ..label_updates import LabelUpdater, TrainingImages, UpdateSchedule
from ..label_updates.distributed import on_main
from ..label_updates.loader import end_workers, number_batches
from ..label_updates.sources import InferenceSource, OnlineSource
from ..label_updates.statistics import describe
from ..label_updates.strip import LabelStrip
from ..label_updates.versioned_data import unwrap
from ..resume import step_files
from ..work_dir_lock import lock_work_dir

_KEY = 'label_versions'
SOURCES = ('inference', 'online')


@HOOKS.register_module()
class MutualComplementaryHook(Hook):
    """Updates the training labels from the network's own predictions while it trains.

    P-GNN, Eq. 11, made cautious: a prediction counts where it is sure of a class that the image's
    labels have. ``image_classes=None, min_confidence=None`` is Eq. 11 to the letter.

    Works with any mmseg segmentor, launcher and loop; add it to ``custom_hooks``. The labels of
    the training set are copied once into a :class:`~mmwsss.labels.LabelStore` as version 1 and
    never changed; each update is a new version. An iteration trains on the version that the
    schedule says, on every rank and whatever loader workers have fetched ahead. A checkpoint
    names its version, and resuming goes back to it.

    An epoch of an iteration-based loop is ceil(images / (batch size × processes)) iterations.
    No update comes after the last iteration.

    Args:
        interval (int): Epochs (iterations) between updates. Default 1.
        by_epoch (bool): Whether ``interval``, ``begin`` and ``end`` count epochs. Default True.
        begin (int): No update before this many are done. Default 0.
        end (int, optional): None after this many.
        source (str): ``'online'``, the default: the predictions that training makes anyway, at the
            pixels its crops covered since the last update; ``'inference'``: a pass over the whole
            training images, shared by the ranks.
        store (str, optional): Folder of the label store, seen by all processes. Default:
            ``labels`` in the work dir.
        image_classes (str, optional): Classes that predictions may add to an image: those of its
            original labels (``'labels'``, the default), or of a file of image-level labels; all
            with None.
        min_confidence (float, optional): Probability below which a prediction says nothing.
            Default 0.8; each counts with None.
        ignored (str): See :func:`mmwsss.labels.complement_labels`.
        conflict (str): See there.
        scales (sequence of float), flip (bool): For ``'inference'``: probabilities are averaged
            over these scales, and over mirroring. Default: the image as it is.
        masks (str, optional): Folder of true masks (relative to the data root), to log how good
            each version is. They are never trained on.
        keep (int): Newest versions kept, besides the originals and those that checkpoints of the
            work dir were made on. Default 2.
        shown (int): Images in ``label_versions.png`` of the work dir. Default 6.
        threads (int, optional): That read and write label maps. Default: up to 4.

    Raises:
        ValueError: From the constructor or before the first iteration, for settings, data sets
            and stores that do not go together; says what to change.
    """

    priority = 'NORMAL'

    def __init__(self,
                 interval: int = 1,
                 by_epoch: bool = True,
                 begin: int = 0,
                 end: Optional[int] = None,
                 source: str = 'online',
                 store: Optional[str] = None,
                 image_classes: Optional[str] = 'labels',
                 min_confidence: Optional[float] = 0.8,
                 ignored: str = 'fill',
                 conflict: str = 'prediction',
                 scales: Sequence[float] = (1.0, ),
                 flip: bool = False,
                 masks: Optional[str] = None,
                 keep: int = 2,
                 shown: int = 6,
                 threads: Optional[int] = None) -> None:
        _check_options(interval, begin, end, source, min_confidence, ignored, conflict, scales,
                       keep)
        if source == 'online' and (tuple(scales) != (1.0, ) or flip):
            raise ValueError("scales and flip are for source='inference'; training's own "
                             'predictions have the scale and flip of its augmentation')
        self.interval, self.by_epoch, self.begin, self.end = interval, by_epoch, begin, end
        self.source_name = source
        self.root = store
        self.updater_options = dict(image_classes=image_classes, ignored=ignored,
                                    conflict=conflict, masks=masks,
                                    threads=threads or min(4, os.cpu_count() or 1))
        self.min_confidence = min_confidence
        self.scales, self.flip = tuple(scales), flip
        self.keep, self.shown = keep, shown
        self.resumed: Optional[dict] = None
        self.lock = None

    # The run

    def before_run(self, runner) -> None:
        if not isinstance(runner._train_loop, BaseLoop):
            return
        loader = runner.train_loop.dataloader
        unwrap(loader.dataset)
        if not hasattr(loader.batch_sampler, 'sampler'):
            raise ValueError('MutualComplementaryHook needs a loader with batches of a sampler '
                             '(batch_size and sampler in train_dataloader)')

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        self.resumed = checkpoint.get(_KEY) if runner._resume else None

    def before_train(self, runner) -> None:
        loop = runner.train_loop
        self.root = self.root or osp.join(runner.work_dir, 'labels')
        on_main(lambda: self._lock(), 'taking the label store')
        images = TrainingImages(loop.dataloader.dataset)
        self.updater = LabelUpdater(self.root, images, **self.updater_options)
        self.schedule = self._make_schedule(runner)
        self.source = self._make_source(runner)
        self.strip = LabelStrip(self.updater.store.root / 'updates' / 'strip')
        self._place(runner)
        images.use_versions(self.updater.store.root.absolute(), self.source.numbers_pixels)
        end_workers(loop)  # those that mmengine has started know nothing of versions
        number_batches(loop, lambda: runner.iter, self.schedule.version_at,
                       placed_at=runner.iter)

    def before_train_iter(self, runner, batch_idx: int, data_batch: Any = None) -> None:
        version = self.schedule.version_at(runner.iter)
        found = {sample.metainfo['label_sample']['version']
                 for sample in data_batch['data_samples']}
        if found != {version}:
            raise RuntimeError(f'iteration {runner.iter} should train on version {version} of the '
                               f'labels but was given {sorted(found)}: another hook has replaced '
                               "the loop's batches")
        self.source.before_iteration(runner.iter)

    def after_train_iter(self, runner, batch_idx: int, data_batch: Any = None,
                         outputs: Optional[dict] = None) -> None:
        self.source.after_iteration(runner.iter)
        if self.schedule.is_due(runner.iter + 1):
            self._update(runner, runner.iter + 1)

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        done = checkpoint['meta']['iter']
        self.source.sync()
        checkpoint[_KEY] = dict(
            version=self.schedule.version_at(done),
            trained_on=self.schedule.version_at(max(done - 1, 0)),
            history=[list(pair) for pair in self.schedule.history if pair[0] <= done],
            store=osp.abspath(self.root))

    def after_train(self, runner) -> None:
        if self.lock is not None:
            self.lock.close()

    # Inside

    def _lock(self) -> None:
        """Two runs on one store would undo each other's versions."""
        self.lock = lock_work_dir(osp.join(self.root, 'updates'))

    def _make_schedule(self, runner) -> UpdateSchedule:
        unit, loop = 1, runner.train_loop
        if self.by_epoch and isinstance(loop, IterBasedTrainLoop):
            loader = loop.dataloader
            batch = (loader.batch_size or loader.batch_sampler.batch_size) * get_world_size()
            unit = math.ceil(len(loader.dataset) / batch)
        elif self.by_epoch:
            unit = len(loop.dataloader)
        history = [(runner.iter, 1)]
        if self.resumed is not None:
            history = [tuple(pair) for pair in self.resumed['history']]
            history.append((runner.iter, self.resumed['version']))
        return UpdateSchedule(unit, self.interval, self.begin, self.end, runner.max_iters, history)

    def _make_source(self, runner):
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        if self.source_name == 'online':
            return OnlineSource(model, self.updater, self.schedule, self.min_confidence)
        return InferenceSource(model, self.updater, self.scales, self.flip, self.min_confidence,
                               runner.train_loop.dataloader.num_workers)

    def _place(self, runner) -> None:
        """Bring the store to where the run starts or goes on."""
        version = 1 if self.resumed is None else self.resumed['version']
        if self.resumed is None:
            self.updater.start()
            counts = self.updater.describe(1)
            summary = counts.summary(self.updater.images.classes)
            runner.logger.info(f'labels version 1, the originals: {describe(summary)}')
            self._log_scalars(runner, summary, runner.iter)
        else:
            self.updater.go_on(version)
            runner.logger.info(f'the labels go on at version {version}')
        on_main(lambda: self._clear_after(runner, version), 'clearing what came later')

    def _clear_after(self, runner, version: int) -> None:
        self.source.go_on(runner.iter, version)
        self.strip.drop_after(0 if self.resumed is None else version)
        if self.resumed is None and self.shown:
            ids = self._shown_ids()
            images = self.updater.images
            self.strip.add(0, [images.load_image(name)[..., ::-1] for name in ids])
            self.strip.add(1, [self.updater.store.read(name, 1) for name in ids])

    def _update(self, runner, done: int) -> None:
        start, version = time.perf_counter(), self.schedule.version_at(done)
        source = dict(kind='mutual-complementary', iteration=done, predictions=self.source_name)
        counts = self.updater.update(version, self.source.predictions(version), source)
        self.schedule.note(done, version)
        summary = counts.summary(self.updater.images.classes)
        on_main(lambda: self._tidy(runner, version, done), 'tidying up after an update')
        runner.logger.info(f'labels version {version} from iteration {done}: '
                           f'{describe(summary)}; {time.perf_counter() - start:.1f} s')
        self._log_scalars(runner, summary, done)

    def _tidy(self, runner, version: int, done: int) -> None:
        resumable = {self.schedule.version_at(iteration)
                     for iteration in self._checkpointed(runner)}
        self.source.drop_until(version, resumable)
        self.updater.store.prune(self.keep, protect={1, *resumable})
        if self.shown:
            self.strip.add(version, [self.updater.store.read(name) for name in self._shown_ids()])
            picture = self.strip.draw(osp.join(runner.work_dir, 'label_versions.png'))
            runner.visualizer.add_image('label_versions', picture, step=done)

    def _checkpointed(self, runner) -> list:
        """Iterations of the checkpoints that the run might be resumed from."""
        per_epoch = 1 if isinstance(runner.train_loop, IterBasedTrainLoop) else len(
            runner.train_loop.dataloader)
        return [step * (per_epoch if osp.basename(path).startswith('epoch_') else 1)
                for step, path in step_files(runner.work_dir)]

    def _shown_ids(self) -> list:
        ids = self.updater.images.ids
        count = min(self.shown, len(ids))
        return [ids[place * len(ids) // count] for place in range(count)]

    @staticmethod
    def _log_scalars(runner, summary: dict, step: int) -> None:
        if is_main_process():
            runner.visualizer.add_scalars(
                {f'labels/{name}': value for name, value in summary.items()}, step=step)


def _check_options(interval, begin, end, source, min_confidence, ignored, conflict, scales,
                   keep) -> None:
    if interval < 1 or begin < 0 or keep < 1 or (end is not None and end < max(begin, 1)):
        raise ValueError('need interval >= 1, keep >= 1 and 0 <= begin <= end, got '
                         f'interval={interval}, keep={keep}, begin={begin}, end={end}')
    for name, value, known in (('source', source, SOURCES), ('ignored', ignored, IGNORED_PIXELS),
                               ('conflict', conflict, CONFLICTS)):
        if value not in known:
            raise ValueError(f'{name} must be one of {known}, got {value!r}')
    if min_confidence is not None and not 0 < min_confidence <= 1:
        raise ValueError(f'min_confidence must be a probability above 0, got {min_confidence}')
    if not scales or min(scales) <= 0:
        raise ValueError(f'scales must be positive, at least one, got {scales}')
