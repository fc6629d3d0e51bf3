"""How label maps are made from activation maps: one of four rules, named by plain values.

K: maps of an image, H, W: its size.
"""
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from .seeds import (
    confident_labels,
    normalize_activations,
    power_background,
    remaining_background,
    seed_labels,
    threshold_background,
)

KINDS = {
    'threshold': dict(threshold=0.30),
    'power': dict(power=4.0),
    'two_thresholds': dict(foreground=0.30, background=0.05),
    'probability': {},
}
_SCORES = dict(threshold=threshold_background, power=power_background,
               probability=remaining_background)
NORMALIZATIONS = (None, 'class', 'image')


class LabelRule:
    """Labels from maps by a background threshold, a power, two thresholds, or as probabilities.

    Args:
        kind: ``'threshold'``: background where no map exceeds ``threshold`` (0.30).
            ``'power'``: background score (1 - largest map)^``power`` (4).
            ``'two_thresholds'``: sure ``foreground`` (0.30), sure ``background`` (0.05), 255
            between; IRN's rule, see :func:`confident_labels`. ``'probability'``: maps and
            background sum to 1 (:class:`SegmentorMaps`); the most probable, no values.
        normalize: what the maps are divided by first: ``'class'``: each its own largest value;
            ``'image'``: the largest of all maps of the image; None: they are taken as they are.
        values: of the kind, as above.

    Raises:
        ValueError: unknown kind, normalisation or value, or one out of range.
    """

    def __init__(self, kind: str, normalize: str | None = None, **values: float) -> None:
        if kind not in KINDS:
            raise ValueError(f'rule kind={kind!r} is unknown; use one of {tuple(KINDS)}')
        if normalize not in NORMALIZATIONS:
            raise ValueError(f'normalize={normalize!r} is unknown; use one of {NORMALIZATIONS}')
        unknown = sorted(set(values) - set(KINDS[kind]))
        if unknown:
            raise ValueError(f'rule {kind!r} has no {", ".join(unknown)}; it takes '
                             f'{", ".join(KINDS[kind]) or "none"}')
        if kind == 'probability' and normalize is not None:
            raise ValueError(f'normalize={normalize!r} makes maps that are no probabilities: '
                             "leave it out with rule kind='probability'")
        self.kind = kind
        self.normalize = normalize
        self.values = {**KINDS[kind], **values}
        self(torch.zeros(1, 1, 1), [1])  # the rules check their values

    def settings(self) -> dict:
        """All values, for a manifest or a fingerprint."""
        return dict(kind=self.kind, normalize=self.normalize, **self.values)

    def __call__(self, maps: Tensor, label_ids: Sequence[int],
                 refine: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        """Label map of one image.

        Args:
            maps: (K, H, W), values 0 to 1; K = 0 gives all background.
            label_ids: K class ids, 1 to 254.
            refine: applied to label maps of class ids without 255, such as a CRF: (H, W) uint8
                -> same; with two thresholds to both at once, (2, H, W).

        Returns:
            (H, W) uint8.

        Raises:
            ValueError: NaN in the maps, or ids that do not fit them.
        """
        maps = self._normalized(maps)
        if self.kind == 'two_thresholds':
            return confident_labels(maps, label_ids, refine=refine, **self.values)
        labels = seed_labels(_SCORES[self.kind](maps, **self.values), label_ids)
        return labels if refine is None else refine(labels)

    def _normalized(self, maps: Tensor) -> Tensor:
        if self.normalize is None or len(maps) == 0:
            return maps
        if self.normalize == 'class':
            return normalize_activations(maps)
        return maps / maps.max().clamp(min=torch.finfo(maps.dtype).tiny)
