"""The predictions that training makes anyway, kept for the next update of the labels.

B: batch, C: classes, h, w: logits, H, W: image.
"""
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_rank, get_world_size
from torch import Tensor, nn

from mmwsss.models.segmentors.msc_encoder_decoder import MSCEncoderDecoder, max_fusion

from .coordinates import write_back
from .prediction import enlarge, probabilities, said
from .prediction_log import Prediction, PredictionLog


class TrainingPredictions:
    """Catches the logits that a segmentor's decode head hands to its loss.

    Args:
        model: the segmentor, not its wrapper. Of a cascade the last head counts; of
            ``MSCEncoderDecoder`` the maximum over the scales, as it predicts.

    Raises:
        ValueError: no decode head with ``loss_by_feat``.
    """

    def __init__(self, model: nn.Module):
        head = getattr(model, 'decode_head', None)
        self.head = head[-1] if isinstance(head, nn.ModuleList) else head
        self.fuse = isinstance(model, MSCEncoderDecoder)
        if not hasattr(self.head, 'loss_by_feat'):
            raise ValueError(f"source='online' needs a decode head that hands its logits to "
                             f'loss_by_feat, which {type(model).__name__} has not; use '
                             "source='inference'")
        self.seen: list[tuple[Tensor, list]] = []

    def start(self) -> None:
        """Catch from now on."""
        original = self.head.loss_by_feat

        def catching(seg_logits, batch_data_samples, *args, **kwargs):
            self.seen.append((self._dense(seg_logits), batch_data_samples))
            return original(seg_logits, batch_data_samples, *args, **kwargs)

        self.seen = []
        # On the instance and for one iteration only: copies and pickles of the model stay clean.
        self.head.__dict__['loss_by_feat'] = catching

    def stop(self) -> tuple[Tensor, list]:
        """Stop catching.

        Returns:
            Logits (B, C, h, w) and the data samples they were made for.
        """
        self.head.__dict__.pop('loss_by_feat', None)
        seen, self.seen = self.seen, []
        if not seen:
            raise RuntimeError(f"source='online': {type(self.head).__name__}.loss_by_feat was not "
                               "called in this iteration; use source='inference'")
        if self.fuse:
            return max_fusion([logits for logits, _ in seen]), seen[0][1]
        return seen[-1]

    def _dense(self, logits: Any) -> Tensor:
        classes = getattr(self.head, 'out_channels', self.head.num_classes)
        maps = [logits] if isinstance(logits, Tensor) else list(logits)
        maps = [part for part in maps if isinstance(part, Tensor) and part.dim() == 4
                and part.shape[1] == classes]
        if len(maps) != 1:
            raise ValueError(f"source='online' needs one logit map a head, {len(maps)} of those "
                             f'that {type(self.head).__name__} gives have {classes} channels; '
                             "use source='inference'")
        return maps[0].detach()


@torch.no_grad()
def note_predictions(log: PredictionLog, iteration: int, logits: Tensor, samples: Sequence[Any],
                     head: nn.Module, min_confidence: float | None = None) -> None:
    """Write what an iteration's logits say about the original images into a log.

    Args:
        log: where to.
        iteration: which it is.
        logits: (B, C, h, w) of the samples as the network saw them, padding included.
        samples: B data samples with ``label_sample`` (see
            :class:`~mmwsss.engine.label_updates.versioned_data.PackWithLabels`).
        head: gives ``align_corners`` and ``threshold``.
        min_confidence: floor below which a pixel says nothing.
    """
    size = samples[0].metainfo.get('pad_shape') or samples[0].gt_sem_seg.shape
    probability = probabilities(enlarge(logits, size[-2:], head.align_corners))
    classes = said(probability, min_confidence, getattr(head, 'threshold', None) or 0.5)
    predictions = []
    for slot, (values, sample) in enumerate(zip(classes.cpu().numpy(), samples)):
        about = sample.metainfo['label_sample']
        shape = sample.metainfo['img_shape'][:2]  # padding comes at the right and the bottom
        top, left, patch = write_back(values[:shape[0], :shape[1]], about['coordinates'],
                                      about['size'])
        if patch.any():
            predictions.append(Prediction(
                iteration, slot * get_world_size() + get_rank(), about['image_id'], top, left,
                patch))
    log.append(predictions)


def merged_predictions(logs: Iterable[Path], sizes: dict[str, tuple[int, int]]
                       ) -> Iterator[tuple[str, np.ndarray | None]]:
    """One prediction an image from all that training made; of two the later one counts.

    Args:
        logs: files of all ranks.
        sizes: (H, W) of the images asked for, by id.

    Yields:
        Id and (H, W) uint8, 0 where nothing was said; None for an image of which nothing was.
    """
    places: dict[str, list] = {image_id: [] for image_id in sizes}
    for log in map(PredictionLog, logs):
        for iteration, order, image_id, offset in log.entries():
            if image_id in places:
                places[image_id].append((iteration, order, offset, log))
    for image_id, size in sizes.items():
        merged = np.zeros(size, np.uint8) if places[image_id] else None
        for *_, offset, log in sorted(places[image_id], key=lambda place: place[:2]):
            found = log.read(offset)
            rows, columns = found.patch.shape
            part = merged[found.top:found.top + rows, found.left:found.left + columns]
            np.copyto(part, found.patch, where=found.patch > 0)
        yield image_id, merged
