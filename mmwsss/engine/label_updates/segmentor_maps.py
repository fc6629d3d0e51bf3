"""What a trained segmentor says about its training images, as maps of their classes: the start of
a second round of labels.

Not of the papers: image-level labels say which classes an image has, so a network trained on
pseudo labels is asked about those alone, and what it says becomes the next network's labels.
C: classes with background, K: classes in an image, H, W: size of the image.
"""
from typing import Any, Dict, List, Sequence, Union

import numpy as np
import torch
from mmengine.model import BaseTTAModel
from mmengine.registry import MODELS
from mmengine.structures import BaseDataElement
from torch import Tensor, nn

from mmwsss.models.map_settings import (
    preprocessor_settings,
    segmentor_settings,
    window_settings,
)
from mmwsss.models.weights_digest import weights_digest

from .inference import mean_probability


@MODELS.register_module()
class SegmentorMaps(BaseTTAModel):
    """Adds maps of the image's classes to test samples, for ``LabelWriter`` and
    ``ActivationWriter(stride=1)``.

    A map is the probability of its class among background and the image's classes; what the maps
    leave of 1 is background's: ``rule=dict(kind='probability')`` of ``LabelWriter`` gives the most
    probable of them. Checkpoints load as into the segmentor itself.

    Args:
        module (dict | nn.Module): any mmseg segmentor with a channel a class, background first.
        data_preprocessor (dict | nn.Module, optional): of the segmentor, if its config has none.
        scales (sequence of float): of the image; probabilities are averaged. Defaults to (1,).
        flip (bool): also mirrored. Defaults to True.

    Samples need ``gt_label`` (classes from 0 on, without background) and get ``activations``
    (K, H, W), 0 to 1, and ``activation_classes`` (K,). Images are uint8 (3, H, W), BGR, of any
    size, as ``LoadAnyImage`` and ``PackInputs`` give them.

    Raises:
        ValueError: no scale, or one that is not above 0; a sample without ``gt_label``, or with a
            class that the segmentor lacks.
    """

    # Its data set names the classes without background (see PreflightHook).
    adds_background = True

    def __init__(self, module: Union[dict, nn.Module],
                 data_preprocessor: Union[dict, nn.Module, None] = None,
                 scales: Sequence[float] = (1.0, ), flip: bool = True) -> None:
        settings = segmentor_settings(module)  # before building changes the dict
        super().__init__(module, data_preprocessor)
        if not scales or min(scales) <= 0:
            raise ValueError(f'scales must be one or more numbers above 0, got {scales}')
        self.scales, self.flip = tuple(scales), flip
        self._segmentor_settings = settings

    def maps_source(self) -> Dict[str, Any]:
        """What the maps come from, for :class:`LabelWriter`, as plain values.

        Returns:
            dict: ``weights``, a fingerprint of all of them; ``scales``, ``flip``; and with dotted
            names the segmentor's config (of one given as a module a digest of its attributes),
            its ``test_cfg`` and the options of its data preprocessor. Left out is what changes
            nothing, such as places of weights, losses and other options of training, or rounding
            alone.
        """
        return dict(
            weights=weights_digest(self.module), scales=list(self.scales), flip=self.flip,
            **self._segmentor_settings, **window_settings(self.module),
            **preprocessor_settings(self.module.data_preprocessor))

    def test_step(self, data: Any) -> List[BaseDataElement]:
        """The samples of a batch with their maps; images are looked at one by one."""
        with torch.no_grad():
            return [self._filled(image, sample)
                    for image, sample in zip(data['inputs'], data['data_samples'])]

    def merge_preds(self, data_samples_list: Sequence) -> List[BaseDataElement]:
        """Not used: views are averaged before they become maps."""
        raise ValueError('SegmentorMaps averages over its own scales and mirror images: '
                         'leave out --tta')

    def _filled(self, image: Tensor, sample: BaseDataElement) -> BaseDataElement:
        if 'gt_label' not in sample:
            raise ValueError(f'{sample.get("img_path", "a sample")} has no image-level labels '
                             '(gt_label): use ImageLabelDataset, and mmpretrain.PackInputs')
        pixels = np.ascontiguousarray(image.permute(1, 2, 0).cpu().numpy())
        probability = mean_probability(self.module, pixels, self.scales, self.flip)
        classes = sample.gt_label.long().to(probability.device)
        if len(classes) and int(classes.max()) + 1 >= len(probability):
            raise ValueError(f'{sample.get("img_path", "a sample")} is labelled with class '
                             f'{int(classes.max())}, but the segmentor has {len(probability)} '
                             'channels, background included')
        maps = probability[classes + 1]
        allowed = (maps.sum(dim=0) + probability[0]).clamp(min=torch.finfo(maps.dtype).tiny)
        maps = maps / allowed
        sample.set_field(maps, 'activations')
        sample.set_field(classes, 'activation_classes')
        return sample
