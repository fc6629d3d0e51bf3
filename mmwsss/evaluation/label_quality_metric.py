"""Quality of pseudo labels or activation maps as the metric of a test loop."""
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from mmengine.registry import METRICS
from torch import Tensor
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
    there are none, the label map ``pred_sem_seg``. A mask must have the size of its image: the
    sample's ``ori_shape`` (H, W), else one that the maps fit at stride 1, 2, 4, 8 or 16.

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

    Samples with a field ``unreadable`` (see :class:`ImageLabelDataset`) are left out. Where the
    data set leaves out what a store holds (``skip_stored``, after a stop), there are no metrics,
    for they would be those of the images that were left; the log says how to get them. Nor are
    there where the masks hold nothing but ``ignore_index``.

    Metrics: ``mIoU``, ``precision``, ``recall``, ``fp_rate``, ``fn_rate``, ``ignored`` in %; for
    activations at the best ``threshold``, which is given too (as it is, not rounded: pixels that
    lie on it would change their side).

    Raises:
        ValueError: a mask is missing or does not fit; names image and mask.
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
        self._left_out = ''

    def check_data(self, dataset) -> None:
        """Note whether images are left out; called before the loop by :class:`PreflightHook`."""
        self._left_out = ''
        folder, ids = (getattr(dataset, name, None) for name in ('skip_stored', 'listed_ids'))
        if folder and ids is not None and len(dataset) < len(ids):
            self._left_out = (
                f'{len(ids) - len(dataset)} of {len(ids)} images are left out, which {folder} '
                'holds from an earlier start, so there are no metrics: judge what it holds in the '
                f'end with python tools/evaluate_labels.py --pred {folder} --gt {self.masks} '
                f'--num-classes {self.num_classes} --list LIST (of images with masks), or write '
                'all again to another folder')

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Count one batch; ``results`` holds one running sum."""
        if not self.results:
            self.results.append(_Sums(self.num_classes, self.ignore_index))
        for sample in [] if self._left_out else data_samples:
            path = self._mask_path(sample)
            if 'unreadable' in sample or (self.missing == 'skip' and not path.is_file()):
                self.results[0].skipped += 1
            else:
                self._add(sample, path)

    def _add(self, sample: dict, path: Path) -> None:
        truth = self._mask(path)
        try:
            self.results[0].add(sample, truth)
        except ValueError as error:
            name = path.relative_to(self.masks).with_suffix('').as_posix()
            raise ValueError(f'image {name!r} with the true mask {path}: {error}') from error

    def _mask_path(self, sample: dict) -> Path:
        name = sample.get('image_id') or Path(sample['img_path']).stem
        return Path(self.masks) / f'{name}.png'

    def _mask(self, path: Path) -> np.ndarray:
        if not path.is_file():
            raise ValueError(f'{path}: no true mask of image {path.stem!r}')
        return decode_labels(path.read_bytes(), str(path))

    def compute_metrics(self, results: list) -> dict:
        """Rates of all images of all processes; none if images are left out or none counts."""
        if self._left_out:
            self._log(self._left_out, logging.WARNING)
            return {}
        sums = _Sums(self.num_classes, self.ignore_index)
        for part in results:
            sums.merge(part)
        judged = sums.mapped + sums.labelled
        if sums.skipped:
            self._log(f'{judged} of {judged + sums.skipped} images are judged, the others have no '
                      f'mask in {self.masks} or could not be read',
                      logging.INFO if judged else logging.WARNING)
        if judged and not sums.pixels:
            self._log(f'the masks of {judged} images in {self.masks} hold nothing but '
                      f'{self.ignore_index}, so there are no metrics: check masks',
                      logging.WARNING)
        return {name: value if name == 'threshold' else round(value, 4)
                for name, value in sums.rates().items()}

    def _log(self, text: str, level: int) -> None:
        print_log(f'{self.prefix}: {text}', logger='current', level=level)


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

    @property
    def pixels(self) -> int:
        """How many pixels count."""
        return self.curve.pixels + int(self.counts.sum())

    def rates(self) -> dict:
        """Rates at the best threshold, or of the labels; none if no pixel counts."""
        if not self.pixels:
            return {}
        best = self.curve.best() if self.curve.pixels else None
        quality = label_quality(self.counts) if best is None else self.curve.quality(best)
        rates = dict(mIoU=quality['miou'], precision=quality['mean_precision'],
                     recall=quality['mean_recall'], fp_rate=quality['mean_fp_rate'],
                     fn_rate=quality['mean_fn_rate'], ignored=quality['ignored'])
        return rates if best is None else {**rates, 'threshold': best / 255}


def _maps(sample: dict, size: tuple[int, int]) -> tuple[np.ndarray, list[int]]:
    """Maps at the size of the mask, in [0, 1], and their label ids."""
    maps = sample['activations'].float()
    _check_size(maps, sample.get('ori_shape'), size)
    if len(maps) and maps.shape[1:] != size:
        # Of no such stride: the image was resized for the network.
        covered = covered_size(maps.shape[1:], size) or size
        maps = interpolate(maps[None], size=covered, mode='bilinear')[0, :, :size[0], :size[1]]
    maps = maps.clamp(0, 1).cpu().numpy() if len(maps) else np.zeros((0, *size))
    return maps, [int(label) + 1 for label in sample['activation_classes']]


def _check_size(maps: Tensor, image: Sequence[int] | None, size: tuple[int, int]) -> None:
    """Refuse maps of an image of another size than the mask: enlarged, they would fit any."""
    if image is not None and tuple(image[:2]) != size:
        raise ValueError(f'the image is {tuple(image[:2])} (H, W), the mask {size}: these are '
                         'masks of other images, or of turned or resized ones; mend them, or set '
                         'masks')
    if image is None and len(maps) and covered_size(maps.shape[1:], size) is None:
        raise ValueError(f'maps of {tuple(maps.shape[1:])} (H, W) are not those of an image of '
                         f'{size}, the size of the mask, at stride 1, 2, 4, 8 or 16: set masks, '
                         'or let meta_keys of PackInputs include ori_shape')
