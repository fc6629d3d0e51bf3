"""The dense CRF with its settings bound: what label writing applies to each image.

H, W: size of the image.
"""
from collections.abc import Sequence
from dataclasses import asdict, replace

from torch import Tensor

from .crf import CRF_PRESETS, dense_crf


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

    @classmethod
    def build(cls, config: 'str | dict | CRFRefiner | None') -> 'CRFRefiner | None':
        """From a preset's name, a dict of arguments, or None for no CRF."""
        if config is None or isinstance(config, cls):
            return config
        return cls(**(dict(preset=config) if isinstance(config, str) else config))

    def settings(self) -> dict:
        """All values, for a manifest or a fingerprint."""
        return dict(asdict(self.crf), backend=self.backend,
                    label_probability=self.label_probability)

    def __call__(self, image, labels: Tensor, classes: Sequence[int]) -> Tensor:
        """Refined labels of one image.

        Args:
            image: (H, W, 3) uint8, RGB or BGR.
            labels: (H, W) uint8 class ids; its device does the work.
            classes: ids that may appear, background included.
        """
        return dense_crf(image, labels, self.crf, classes=classes, backend=self.backend,
                         label_probability=self.label_probability)
