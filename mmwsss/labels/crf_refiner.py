"""Refiners with their settings bound: what label writing applies to each image.

B: label maps of one image, H, W: its size.
"""
from collections.abc import Sequence
from dataclasses import asdict, replace

from torch import Tensor

from .crf import CRF_PRESETS, dense_crf
from .pixel_adaptive import PixelAdaptiveSettings, pixel_adaptive_refine


class CRFRefiner:
    """Refines label maps by :func:`dense_crf` with fixed settings.

    Args:
        preset: ``'irn'`` or ``'deeplab'``.
        backend: ``'torch'`` or ``'pydensecrf2'``.
        label_probability: how sure the labels are; pydensecrf's ``gt_prob``.
        changes: fields of :class:`CRFSettings` that differ from the preset.

    Raises:
        ValueError: unknown preset, backend or field, or a value out of range.
    """

    def __init__(self, preset: str = 'irn', backend: str = 'torch',
                 label_probability: float = 0.7, **changes: float) -> None:
        if preset not in CRF_PRESETS:
            raise ValueError(f'no CRF preset {preset!r}; there are {sorted(CRF_PRESETS)}')
        if backend not in ('torch', 'pydensecrf2'):
            raise ValueError(f"no CRF backend {backend!r}; there are 'torch' and 'pydensecrf2'")
        if not 0.5 < label_probability < 1:
            raise ValueError('label_probability of a CRF must lie between 0.5 and 1, got '
                             f'{label_probability}')
        fields = asdict(CRF_PRESETS[preset])
        unknown = sorted(set(changes) - set(fields))
        if unknown:
            raise ValueError(f'a CRF has no {", ".join(unknown)}; it takes {", ".join(fields)}')
        self.crf = replace(CRF_PRESETS[preset], **changes)
        self.backend = backend
        self.label_probability = label_probability

    def settings(self) -> dict:
        """All values, for a manifest or a fingerprint."""
        return dict(asdict(self.crf), backend=self.backend,
                    label_probability=self.label_probability)

    def __call__(self, image, labels: Tensor, classes: Sequence[int]) -> Tensor:
        """Refined labels of one image.

        Args:
            image: (H, W, 3) uint8, RGB.
            labels: (H, W) uint8 class ids, or (B, H, W): several maps for little more than the
                time of one; their device does the work.
            classes: ids that may appear, background included.
        """
        return dense_crf(image, labels, self.crf, classes=classes, backend=self.backend,
                         label_probability=self.label_probability)

    def probabilities(self, image, probabilities: Tensor, min_probability: float) -> Tensor:
        """Refined class probabilities (C, H, W) of one image; see :func:`dense_crf`."""
        return dense_crf(image, probabilities, self.crf, backend=self.backend,
                         min_probability=min_probability)


class PixelAdaptiveRefiner:
    """Refines label maps by :func:`pixel_adaptive_refine` with fixed settings.

    Args:
        settings: fields of :class:`PixelAdaptiveSettings`.

    Raises:
        ValueError: unknown field, or a value out of range.
    """

    def __init__(self, **settings) -> None:
        unknown = sorted(set(settings) - set(PixelAdaptiveSettings.__dataclass_fields__))
        if unknown:
            raise ValueError(f'pixel-adaptive refinement has no {", ".join(unknown)}; it takes '
                             f'{", ".join(PixelAdaptiveSettings.__dataclass_fields__)}')
        self.values = PixelAdaptiveSettings(**settings)

    def settings(self) -> dict:
        """All values, for a manifest or a fingerprint."""
        return dict(asdict(self.values), preset='pixel_adaptive')

    def __call__(self, image, labels: Tensor, classes: Sequence[int]) -> Tensor:
        """Refined labels of one image; as :class:`CRFRefiner`."""
        return pixel_adaptive_refine(image, labels, self.values, classes=classes)

    def probabilities(self, image, probabilities: Tensor, min_probability: float) -> Tensor:
        """Refined class probabilities of one image; as :class:`CRFRefiner`."""
        return pixel_adaptive_refine(image, probabilities, self.values,
                                     min_probability=min_probability)


Refiner = CRFRefiner | PixelAdaptiveRefiner


def build_refiner(config: str | dict | Refiner | None) -> Refiner | None:
    """A refiner from a plain value of a config.

    Args:
        config: ``'irn'`` or ``'deeplab'`` (:class:`CRFRefiner`), ``'pixel_adaptive'``
            (:class:`PixelAdaptiveRefiner`); or a dict with one of them as ``preset`` (default
            ``'irn'``) and the refiner's other arguments. None is none.
    """
    if config is None or isinstance(config, (CRFRefiner, PixelAdaptiveRefiner)):
        return config
    arguments = dict(preset=config) if isinstance(config, str) else dict(config)
    if arguments.get('preset') == 'pixel_adaptive':
        arguments.pop('preset')
        return PixelAdaptiveRefiner(**arguments)
    return CRFRefiner(**arguments)
