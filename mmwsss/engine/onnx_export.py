"""A segmentor as one ONNX file, from pixel values to class scores.

B images, H, W their size, K classes.
"""
import json
from os import PathLike
from typing import Sequence, Tuple, Union

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmwsss.atomic_files import replacing

# How far scores of two runtimes may lie apart, in units of their largest magnitude.
TOLERANCE = 1e-3


class PixelsToScores(nn.Module):
    """Normalisation, network and enlargement in one module.

    Args:
        model (nn.Module): mmseg segmentor in eval mode with a ``SegDataPreProcessor``.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        preprocessor = model.data_preprocessor
        # What the preprocessor calls mean and std is in the order after its own swap.
        self.swap = not _swaps_channels(preprocessor)
        normalise = getattr(preprocessor, '_enable_normalize', False)
        zeros, ones = torch.zeros(3, 1, 1), torch.ones(3, 1, 1)
        self.register_buffer('mean', preprocessor.mean.view(3, 1, 1) if normalise else zeros)
        self.register_buffer('std', preprocessor.std.view(3, 1, 1) if normalise else ones)

    def forward(self, image: Tensor) -> Tensor:
        """
        Args:
            image (Tensor): (B, 3, H, W) float, RGB, 0..255.

        Returns:
            Tensor: (B, K, H, W) logits.
        """
        if self.swap:
            image = image.flip(1)
        logits = self.model((image - self.mean) / self.std, mode='tensor')
        return F.interpolate(logits, size=image.shape[-2:], mode='bilinear',
                             align_corners=self.model.align_corners)


def _swaps_channels(preprocessor: nn.Module) -> bool:
    """Whether it turns the BGR of image files into RGB; the stacks name this differently."""
    for name in ('channel_conversion', '_channel_conversion'):
        if hasattr(preprocessor, name):
            return bool(getattr(preprocessor, name))
    raise ValueError(f'{type(preprocessor).__name__} does not say whether it swaps channels: '
                     'export a segmentor with a SegDataPreProcessor')


def export_onnx(model: nn.Module, classes: Sequence[str], path: Union[str, PathLike],
                size: Tuple[int, int], opset: int = 17) -> None:
    """Write the file: input ``image`` (B, 3, H, W) float32 RGB 0..255, output ``logits``
    (B, K, H, W); H and W are fixed, B is free. Its metadata holds the classes as JSON.

    Args:
        model (nn.Module): segmentor in eval mode, on the CPU.
        classes (sequence of str): K names.
        path (str): file to write; appears whole or not at all.
        size (tuple[int, int]): H, W.
        opset (int): ONNX operator set.

    Raises:
        ImportError: onnx is not installed.
    """
    import onnx
    module = PixelsToScores(model).eval()
    example = torch.full((2, 3, *size), 127.)
    with replacing(path) as draft, torch.no_grad():
        torch.onnx.export(
            module, (example, ), str(draft), opset_version=opset, dynamo=False,
            input_names=['image'], output_names=['logits'],
            dynamic_axes=dict(image={0: 'batch'}, logits={0: 'batch'}))
        content = onnx.load(str(draft))
        onnx.helper.set_model_props(content, dict(classes=json.dumps(list(classes))))
        onnx.save(content, str(draft))


def compare(model: nn.Module, path: Union[str, PathLike],
            images: np.ndarray) -> Tuple[float, float]:
    """Run the file with onnxruntime beside the model.

    Args:
        model (nn.Module): as for :func:`export_onnx`.
        path (str): the file.
        images (np.ndarray): (B, 3, H, W) float32, RGB, 0..255.

    Returns:
        tuple[float, float]: largest difference of logits in units of the largest logit; share of
        pixels with another class.

    Raises:
        ImportError: onnxruntime is not installed.
    """
    import onnxruntime
    session = onnxruntime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
    theirs, = session.run(None, {'image': images})
    with torch.no_grad():
        ours = PixelsToScores(model).eval()(torch.from_numpy(images)).numpy()
    apart = np.abs(ours - theirs).max() / max(np.abs(ours).max(), 1e-12)
    return float(apart), float((ours.argmax(1) != theirs.argmax(1)).mean())
