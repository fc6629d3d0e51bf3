"""Where predictions for an update come from: a pass over the images, or training itself."""
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dist import get_rank
from torch import nn

from .inference import predict_images, undisturbed
from .online import TrainingPredictions, merged_predictions, note_predictions
from .prediction_log import PredictionLog
from .schedule import UpdateSchedule
from .updater import LabelUpdater


class InferenceSource:
    """Whole training images are predicted when an update is due, each rank its share.

    Args:
        model: the segmentor, not its wrapper.
        updater: whose images.
        scales, flip, min_confidence, workers: see
            :func:`~mmwsss.engine.label_updates.inference.predict_images`.
    """

    numbers_pixels = False

    def __init__(self, model: nn.Module, updater: LabelUpdater, scales: Sequence[float],
                 flip: bool, min_confidence: float | None, workers: int):
        self.model = model
        self.updater = updater
        self.options = dict(scales=scales, flip=flip, min_confidence=min_confidence,
                            workers=workers)

    def predictions(self, version: int) -> Iterator[tuple[str, np.ndarray]]:
        """Id and (H, W) of this rank's images, for the update to ``version``."""
        with undisturbed(self.model):
            yield from predict_images(self.model, self.updater.images, self.updater.own_ids,
                                      **self.options)

    def before_iteration(self, iteration: int) -> None:
        """Nothing."""

    def after_iteration(self, iteration: int) -> None:
        """Nothing."""

    def go_on(self, iteration: int, version: int) -> None:
        """Nothing is kept between updates."""

    def drop_until(self, version: int, resumable: set[int]) -> None:
        """Nothing is kept after an update."""

    def sync(self) -> None:
        """Nothing waits for the disk."""


class OnlineSource:
    """Training's own predictions since the last update, at the pixels that its crops covered.

    Args:
        model: the segmentor, not its wrapper.
        updater: whose images and store.
        schedule: says which iterations an update looks back on: the last ``interval`` units.
        min_confidence: floor below which a pixel says nothing.
    """

    numbers_pixels = True

    def __init__(self, model: nn.Module, updater: LabelUpdater, schedule: UpdateSchedule,
                 min_confidence: float | None):
        self.updater = updater
        self.schedule = schedule
        self.min_confidence = min_confidence
        self.seen = TrainingPredictions(model)
        self.folder = updater.store.root / 'updates' / 'predictions'
        self.folder.mkdir(parents=True, exist_ok=True)

    def predictions(self, version: int) -> Iterator[tuple[str, Any]]:
        """Id and (H, W), or None, of this rank's images, for the update to ``version``."""
        logs = sorted(self.folder.glob(f'{version:06d}-*.log'))
        return merged_predictions(logs, self.updater.sizes(version - 1))

    def before_iteration(self, iteration: int) -> None:
        """Catch this iteration's logits if an update will look at them."""
        if self._counts(iteration):
            self.seen.start()

    def after_iteration(self, iteration: int) -> None:
        """Write them down."""
        if self._counts(iteration):
            logits, samples = self.seen.stop()
            note_predictions(self._log(self.schedule.version_at(iteration) + 1), iteration,
                             logits, samples, self.seen.head, self.min_confidence)

    def go_on(self, iteration: int, version: int) -> None:
        """Drop what was noted from ``iteration`` on. Call on the main process alone."""
        for path in self.folder.glob('*.log'):
            if _version(path) == version + 1:
                PredictionLog(path).cut(iteration)
            elif _version(path) > version:
                path.unlink()

    def drop_until(self, version: int, resumable: set[int]) -> None:
        """Delete what led to versions up to this one. Call on the main process alone.

        A run that goes on from a checkpoint of version v makes v + 1 again, for which it needs
        what was noted before the checkpoint.

        Args:
            version: the current one.
            resumable: versions of the checkpoints on disk.
        """
        for path in self.folder.glob('*.log'):
            if _version(path) <= version and _version(path) - 1 not in resumable:
                path.unlink()

    def sync(self) -> None:
        """Wait until what was noted is on the disk, so that it is not behind a checkpoint."""
        for path in self.folder.glob(f'*-{get_rank():04d}.log'):
            PredictionLog(path).sync()

    def _counts(self, iteration: int) -> bool:
        update = self.schedule.next_update(iteration)
        window = self.schedule.unit * self.schedule.interval
        return update is not None and iteration >= update - window

    def _log(self, version: int) -> PredictionLog:
        return PredictionLog(self.folder / f'{version:06d}-{get_rank():04d}.log')


def _version(path: Path) -> int:
    return int(path.name.split('-')[0])
