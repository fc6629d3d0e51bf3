"""Predictions for whole training images, in between training iterations, leaving no trace.

H, W: size of an image, C: classes.
"""
import contextlib
import random
from collections.abc import Iterator, Sequence

import mmcv
import numpy as np
import torch
from mmseg.structures import SegDataSample
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from .prediction import probabilities, said
from .training_images import TrainingImages


@contextlib.contextmanager
def undisturbed(model: nn.Module) -> Iterator[None]:
    """Evaluation mode and no gradients inside; afterwards each module's mode and all random
    states are what they were."""
    modes = [(module, module.training) for module in model.modules()]
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    benchmark = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = False  # images of many sizes: nothing to be tuned for
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])
        if cuda:
            torch.cuda.set_rng_state_all(cuda)
        torch.backends.cudnn.benchmark = benchmark


def predict_images(model: nn.Module, images: TrainingImages, ids: Sequence[str],
                   scales: Sequence[float] = (1.0, ), flip: bool = False,
                   min_confidence: float | None = None,
                   workers: int = 0) -> Iterator[tuple[str, np.ndarray]]:
    """What a segmentor says about whole images; call inside :func:`undisturbed`.

    Args:
        model: any mmseg segmentor (its ``test_step`` is used, with its own ``test_cfg``).
        images: where they come from.
        ids: which.
        scales: of the image; probabilities are averaged.
        flip: also mirrored.
        min_confidence: see :func:`~mmwsss.engine.label_updates.prediction.said`.
        workers: processes that load images.

    Yields:
        Id and (H, W) uint8 class ids, 0 where nothing is said.
    """
    threshold = getattr(getattr(model, 'decode_head', None), 'threshold', None)
    loader = DataLoader(_Images(images, ids), batch_size=None, num_workers=workers)
    for image_id, image in loader:
        mean = mean_probability(model, image.numpy(), scales, flip)
        yield image_id, said(mean[None], min_confidence, threshold or 0.5)[0].cpu().numpy()


def mean_probability(model: nn.Module, image: np.ndarray, scales: Sequence[float],
                     flip: bool) -> Tensor:
    """(C, H, W) probabilities of an image (H, W, 3), averaged over scales and mirroring."""
    size = image.shape[:2]
    views = [(scale, mirrored) for scale in scales for mirrored in ([False, True] if flip else
                                                                    [False])]
    total = 0
    for scale, mirrored in views:
        view = image if scale == 1 else mmcv.imrescale(image, scale)
        view = mmcv.imflip(view) if mirrored else view
        sample = SegDataSample(metainfo=dict(
            ori_shape=size, img_shape=view.shape[:2], pad_shape=view.shape[:2],
            scale_factor=(view.shape[1] / size[1], view.shape[0] / size[0]), flip=mirrored,
            flip_direction='horizontal' if mirrored else None))
        pixels = torch.from_numpy(np.ascontiguousarray(view.transpose(2, 0, 1)))
        result = model.test_step(dict(inputs=[pixels], data_samples=[sample]))[0]
        total = total + _of_result(result.seg_logits.data)
    return total / len(views)


def _of_result(values: Tensor) -> Tensor:
    """Probabilities of (C, H, W) ``seg_logits``; mmseg gives a single map after its sigmoid."""
    if values.shape[0] == 1:
        return torch.cat([1 - values.float(), values.float()])
    return probabilities(values[None])[0]


class _Images(Dataset):
    """(id, image) pairs."""

    def __init__(self, images: TrainingImages, ids: Sequence[str]):
        self.images = images
        self.ids = list(ids)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> tuple[str, Tensor]:
        image = self.images.load_image(self.ids[index])
        return self.ids[index], torch.from_numpy(np.ascontiguousarray(image))
