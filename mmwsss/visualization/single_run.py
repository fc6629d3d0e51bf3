"""A single training and its test, told in the form of a pipeline of two stages."""
import os
import platform
from collections.abc import Sequence
from pathlib import Path

from mmwsss.datasets.image_ids import read_image_ids
from mmwsss.version import __version__

from .run_record import DONE, Run, StageRecord
from .training_log import read_scalars


def single_run(work_dir: Path, *, data: Path, predictions: Path, classes: Sequence[str],
               title: str, split: str = 'val', labels: str = 'SegmentationClass',
               commands: Sequence[str] = ()) -> Run:
    """Describe a run that no pipeline has recorded.

    Args:
        work_dir: of the training, with MMEngine's logs.
        data: VOC-shaped root: JPEGImages, ImageSets/Segmentation, a folder of masks.
        predictions: folder of ``ID.png``.
        classes: foreground classes, in label order.
        title: heading of the report.
        split: list in ImageSets/Segmentation.
        labels: folder of the true masks in ``data``.
        commands: what to type to get the same.

    Raises:
        FileNotFoundError: no training log, list, masks or predictions.
    """
    last = read_scalars(work_dir)[-1]
    listing = data / 'ImageSets' / 'Segmentation' / f'{split}.txt'
    read_image_ids(str(listing))
    for folder in (predictions, data / labels):
        if not folder.is_dir():
            raise FileNotFoundError(f'{folder}: no such folder')
    place = Path(os.path.abspath(work_dir))
    loss = dict(name='loss', value=round(last['loss'], 4), unit='')
    stages = (
        _stage('training', 'train', place, dict(key_figure=loss)),
        _stage('test', 'test', place, dict(outputs=dict(
            predictions=os.path.abspath(predictions)))))
    return Run(
        work=place, title=title, name=place.name, stages=stages,
        edges=(('training', 'test', 'checkpoint'), ), commands=tuple(commands),
        about=dict(code_version=dict(mmwsss=__version__)),
        data=dict(name=data.name, images=str(data / 'JPEGImages'), val_list=str(listing),
                  val_masks=str(data / labels), classes=list(classes)))


def _stage(name: str, kind: str, work: Path, record: dict) -> StageRecord:
    from mmwsss.engine.pipeline.machine import packages
    about = dict(packages=packages(), device=platform.machine())
    return StageRecord(name, name, kind, DONE, {**about, **record}, work,
                       work if kind == 'train' else None)
