"""Pixel-adaptive mask refinement: a few local averagings, weighted by likeness of colour.

Source: Araslanov & Roth, "Single-Stage Semantic Segmentation from Image Labels", CVPR 2020,
section 3.3 (PAMR). Far cheaper than a dense CRF, and far more local.

B: images, H, W: their size, C: classes, P: neighbours (8 for each dilation).
"""
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from .refinement import checked_image, refine_labels, refine_probabilities


@dataclass(frozen=True)
class PixelAdaptiveSettings:
    """``dilations``: distances of the 3 x 3 neighbours; ``sigma``: width of the affinity, in
    local standard deviations of the colour; ``iterations``: averagings, one after the other."""

    dilations: tuple[int, ...] = (1, 2, 4, 8, 12, 24)
    sigma: float = 0.1
    iterations: int = 10

    def __post_init__(self):
        object.__setattr__(self, 'dilations', tuple(self.dilations))
        if not self.dilations or any(d < 1 or int(d) != d for d in self.dilations):
            raise ValueError(f'dilations must be 1, 2, …, got {self.dilations}')
        if self.sigma <= 0:
            raise ValueError(f'sigma must be positive, got {self.sigma}')
        if self.iterations < 0 or int(self.iterations) != self.iterations:
            raise ValueError(f'iterations must be 0, 1, 2, …, got {self.iterations}')


def pixel_adaptive_refine(image, unary,
                          settings: PixelAdaptiveSettings = PixelAdaptiveSettings(), *,
                          classes: Sequence[int] | None = None, min_probability: float = 0.01):
    """Refine class probabilities, or a label map; called as :func:`dense_crf` is.

    Args:
        image: (H, W, 3) uint8; RGB or BGR, the result is the same.
        unary: floating (C, H, W): class probabilities. Integer or bool (H, W): a label map, or
            (B, H, W): several of the same image; 255 is "unknown". NumPy arrays or tensors; a
            tensor's device does the work.
        settings: :class:`PixelAdaptiveSettings`.
        classes: label maps only: the classes that may appear, default those that do.
        min_probability: probabilities only: a class that reaches this nowhere and is nowhere the
            most probable is left out and gets probability 0.

    Returns:
        For probabilities: (C, H, W) float32. For label maps: uint8 labels, as given. A tensor on
        the same device for a tensor, else an array.

    Raises:
        ValueError: sizes differ, NaN or negative probabilities, labels outside ``classes``.
    """
    given_tensor = isinstance(unary, Tensor)
    unary = torch.as_tensor(unary)
    image_hwc = checked_image(image, unary)

    def refine(probabilities_bkhw: Tensor) -> Tensor:
        image_1chw = image_hwc.permute(2, 0, 1)[None].float()
        together = probabilities_bkhw.flatten(0, 1)[None]  # masks do not meet: one set of weights
        return refine_masks(image_1chw, together, settings)[0].view_as(probabilities_bkhw)

    with torch.no_grad():
        if unary.is_floating_point():
            result = refine_probabilities(unary, min_probability, refine)
        else:
            result = refine_labels(unary, classes, 1., refine)
    return result if given_tensor else result.numpy()


def refine_masks(images: Tensor, masks: Tensor,
                 settings: PixelAdaptiveSettings = PixelAdaptiveSettings()) -> Tensor:
    """Average each pixel's mask over its neighbours, ``iterations`` times.

    The weights of the neighbours j of pixel i are a softmax of −|I_i − I_j| / (sigma · s_i),
    averaged over the colour channels; s_i is the standard deviation over i and its neighbours.
    Outside the image its border is repeated. Differentiable in ``masks``.

    Args:
        images: (B, 3, H, W) floating, any scale.
        masks: (B, C, H, W) floating.

    Returns:
        (B, C, H, W), between the smallest and the largest value of each mask.

    Raises:
        ValueError: sizes of images and masks differ.
    """
    if images.ndim != 4 or masks.ndim != 4 or len(images) != len(masks) \
            or images.shape[2:] != masks.shape[2:]:
        raise ValueError('images (B, 3, H, W) and masks (B, C, H, W) must be of one size, got '
                         f'{tuple(images.shape)} and {tuple(masks.shape)}')
    weights_bphw = neighbour_weights(images, settings)
    for _ in range(settings.iterations):
        refined = torch.zeros_like(masks)
        for p, shifted in enumerate(_neighbours(masks, settings.dilations)):
            refined.addcmul_(shifted, weights_bphw[:, p:p + 1])
        masks = refined
    return masks


def neighbour_weights(images: Tensor, settings: PixelAdaptiveSettings) -> Tensor:
    """(B, P, H, W): weight of each neighbour, summing to 1 over P."""
    total, squares = torch.zeros_like(images), torch.zeros_like(images)
    differences = []
    # Of the differences to the pixel itself, which is one value more, a zero.
    for neighbour in _neighbours(images, settings.dilations):
        difference = neighbour - images
        total += difference
        squares += difference ** 2
        differences.append(difference)
    count = len(differences) + 1
    variance = (squares - total ** 2 / count) / (count - 1)
    scale = -1 / (settings.sigma * variance.clamp(min=0).sqrt() + 1e-8)
    return torch.stack([(difference.abs() * scale).mean(dim=1)
                        for difference in differences], dim=1).softmax(dim=1)


def _neighbours(maps: Tensor, dilations: Sequence[int]):
    """The 8 neighbours at each distance, as views of (B, C, H, W) maps."""
    h, w = maps.shape[2:]
    reach = max(dilations)
    padded = pad(maps, (reach, reach, reach, reach), mode='replicate')
    for dilation in dilations:
        for dy in (-dilation, 0, dilation):
            for dx in (-dilation, 0, dilation):
                if dy or dx:
                    yield padded[:, :, reach + dy:reach + dy + h, reach + dx:reach + dx + w]
