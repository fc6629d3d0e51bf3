"""Quality of pseudo labels or activation maps as the metric of a test loop."""
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.registry import METRICS
from torch.nn.functional import interpolate

from mmwsss.labels.palette_png import decode_labels

from .label_quality import ThresholdCurve, count_labels, label_quality


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
        prefix (str, optional): of the metric's names. Defaults to 'labels'.

    Metrics: ``mIoU``, ``precision``, ``recall``, ``fp_rate``, ``fn_rate``, ``ignored`` in %; for
    activations at the best ``threshold``, which is given too.

    Raises:
        ValueError: a mask is missing or does not fit.
    """

    default_prefix = 'labels'

    def __init__(self, masks: str, num_classes: int, ignore_index: int = 255, **kwargs) -> None:
        super().__init__(**kwargs)
        self.masks = masks
        self.num_classes = num_classes
        self.ignore_index = ignore_index

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Count one batch; ``results`` holds one running sum."""
        if not self.results:
            counts = np.zeros((self.num_classes, self.num_classes + 1), np.int64)
            self.results.append([counts, ThresholdCurve(self.num_classes, self.ignore_index), 0])
        for sample in data_samples:
            truth = self._mask(sample)
            if 'activations' in sample:
                self.results[0][1].update(*_maps(sample, truth.shape), truth)
                self.results[0][2] += 1
            else:
                labels = sample['pred_sem_seg']['data'].squeeze(0).cpu().numpy()
                self.results[0][0] += count_labels(labels, truth, self.num_classes,
                                                   self.ignore_index)

    def _mask(self, sample: dict) -> np.ndarray:
        name = sample.get('image_id') or Path(sample['img_path']).stem
        path = Path(self.masks) / f'{name}.png'
        if not path.is_file():
            raise ValueError(f'{path}: no true mask of image {name!r}')
        return decode_labels(path.read_bytes(), str(path))

    def compute_metrics(self, results: list) -> dict:
        """Rates of all images of all processes."""
        counts, curve, images = results[0]
        for more_counts, more_curve, more_images in results[1:]:
            counts, images = counts + more_counts, images + more_images
            curve.merge(more_curve)
        best = curve.best() if images else None
        quality = label_quality(counts) if best is None else curve.quality(best)
        metrics = dict(mIoU=quality['miou'], precision=quality['mean_precision'],
                       recall=quality['mean_recall'], fp_rate=quality['mean_fp_rate'],
                       fn_rate=quality['mean_fn_rate'], ignored=quality['ignored'])
        if best is not None:
            metrics['threshold'] = best / 255
        return {name: round(value, 4) for name, value in metrics.items()}


def _maps(sample: dict, size: tuple[int, int]) -> tuple[np.ndarray, list[int]]:
    """Maps at the size of the mask, in [0, 1], and their label ids."""
    maps = sample['activations'].float()
    if len(maps) and maps.shape[1:] != size:
        maps = interpolate(maps[None], size=size, mode='bilinear')[0]
    maps = maps.clamp(0, 1).cpu().numpy() if len(maps) else np.zeros((0, *size))
    return maps, [int(label) + 1 for label in sample['activation_classes']]
