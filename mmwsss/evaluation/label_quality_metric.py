"""Quality of pseudo labels or activation maps as the metric of a test loop."""
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from mmengine.registry import METRICS
from torch.nn.functional import interpolate

from mmwsss.labels.palette_png import decode_labels

from .label_quality import ThresholdCurve, count_labels, label_quality
from .map_sizes import covered_size

MISSING = ('error', 'skip')


@METRICS.register_module()
class PseudoLabelQuality(BaseMetric):
    """Compare what a test loop gives with masks, which are read here and nowhere else.

    Of each data sample it takes ``activations`` (K, h, w) with ``activation_classes`` (foreground
    classes from 0 on), enlarged to the mask bilinearly and judged at all 256 thresholds; or, if
    there are none, the label map ``pred_sem_seg``.

    With several processes, let the sampler not repeat images (``round_up=False``): repeated ones
    count twice.

    Args:
        masks (str): folder of true masks ``<id>.png``; id is the sample's ``image_id``, else the
            name of its image file.
        num_classes (int): C, background included.
        ignore_index (int): true label that does not count. Defaults to 255.
        missing (str): images without a mask: ``'error'`` (default), or ``'skip'``: they are left
            out and the log says how many; with no mask at all there are no metrics. So a config
            may judge where masks happen to be at hand.
        prefix (str, optional): of the metric's names. Defaults to 'labels'.

    Samples with a field ``unreadable`` (see :class:`ImageLabelDataset`) are left out.

    Metrics: ``mIoU``, ``precision``, ``recall``, ``fp_rate``, ``fn_rate``, ``ignored`` in %; for
    activations at the best ``threshold``, which is given too.

    Raises:
        ValueError: a mask is missing or does not fit.
    """

    default_prefix = 'labels'

    def __init__(self, masks: str, num_classes: int, ignore_index: int = 255,
                 missing: str = 'error', **kwargs) -> None:
        super().__init__(**kwargs)
        if missing not in MISSING:
            raise ValueError(f'missing={missing!r} is unknown; use one of {MISSING}')
        self.masks = masks
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.missing = missing

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Count one batch; ``results`` holds one running sum."""
        if not self.results:
            self.results.append(_Sums(self.num_classes, self.ignore_index))
        for sample in data_samples:
            path = self._mask_path(sample)
            if 'unreadable' in sample or (self.missing == 'skip' and not path.is_file()):
                self.results[0].skipped += 1
            else:
                self.results[0].add(sample, self._mask(path))

    def _mask_path(self, sample: dict) -> Path:
        name = sample.get('image_id') or Path(sample['img_path']).stem
        return Path(self.masks) / f'{name}.png'

    def _mask(self, path: Path) -> np.ndarray:
        if not path.is_file():
            raise ValueError(f'{path}: no true mask of image {path.stem!r}')
        return decode_labels(path.read_bytes(), str(path))

    def compute_metrics(self, results: list) -> dict:
        """Rates of all images of all processes."""
        sums, *others = results
        for other in others:
            sums.merge(other)
        if sums.skipped:
            judged = sums.mapped + sums.labelled
            print_log(f'{self.prefix}: {judged} of {judged + sums.skipped} images are judged, the '
                      f'others have no mask in {self.masks} or could not be read',
                      logger='current', level=logging.INFO if judged else logging.WARNING)
        return {name: round(value, 4) for name, value in sums.rates().items()}


class _Sums:
    """Running sums of one process: label maps by pixel counts, activations by their curve."""

    def __init__(self, num_classes: int, ignore_index: int) -> None:
        self.counts = np.zeros((num_classes, num_classes + 1), np.int64)
        self.curve = ThresholdCurve(num_classes, ignore_index)
        self.labelled = self.mapped = self.skipped = 0

    def add(self, sample: dict, truth: np.ndarray) -> None:
        if 'activations' in sample:
            self.curve.update(*_maps(sample, truth.shape), truth)
            self.mapped += 1
        else:
            labels = sample['pred_sem_seg']['data'].squeeze(0).cpu().numpy()
            self.counts += count_labels(labels, truth, self.curve.num_classes,
                                        self.curve.ignore_index)
            self.labelled += 1

    def merge(self, other: '_Sums') -> None:
        self.counts = self.counts + other.counts
        self.curve.merge(other.curve)
        for name in ('labelled', 'mapped', 'skipped'):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def rates(self) -> dict:
        """Rates at the best threshold, or of the labels; none if there was no image."""
        if not self.mapped + self.labelled:
            return {}
        best = self.curve.best() if self.mapped else None
        quality = label_quality(self.counts) if best is None else self.curve.quality(best)
        rates = dict(mIoU=quality['miou'], precision=quality['mean_precision'],
                     recall=quality['mean_recall'], fp_rate=quality['mean_fp_rate'],
                     fn_rate=quality['mean_fn_rate'], ignored=quality['ignored'])
        return rates if best is None else {**rates, 'threshold': best / 255}


def _maps(sample: dict, size: tuple[int, int]) -> tuple[np.ndarray, list[int]]:
    """Maps at the size of the mask, in [0, 1], and their label ids."""
    maps = sample['activations'].float()
    if len(maps) and maps.shape[1:] != size:
        covered = covered_size(maps.shape[1:], size) or size
        maps = interpolate(maps[None], size=covered, mode='bilinear')[0, :, :size[0], :size[1]]
    maps = maps.clamp(0, 1).cpu().numpy() if len(maps) else np.zeros((0, *size))
    return maps, [int(label) + 1 for label in sample['activation_classes']]
