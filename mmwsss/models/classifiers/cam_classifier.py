"""Image classifier whose weights, laid over its feature map, show where the classes are.

Shape letters: B batch, D feature channels, H, W size of an image (of a feature map where said),
C classes, K classes in an image.
"""
from typing import Dict, List, Optional, Sequence, Tuple, Union

import torch
import torch.nn.functional as F
from mmengine.registry import MODELS
from mmpretrain.models.classifiers import ImageClassifier
from mmpretrain.structures import DataSample
from torch import Tensor, nn

from mmwsss.models.equal_shapes import equal_shapes
from mmwsss.models.map_settings import head_settings, part_settings, preprocessor_settings
from mmwsss.models.weights_digest import weights_digest

from .multi_scale_cams import check_cam_cfg, normalize_maps, scaled_size, sum_over_scales


@MODELS.register_module()
class CAMClassifier(ImageClassifier):
    """mmpretrain's ``ImageClassifier`` with class activation maps.

    Any backbone of mmpretrain or timm that gives a feature map, and a head with
    ``activation_maps``: :class:`CAMHead`, :class:`GCNClsHead` or :class:`ReCAMHead`.

    Extracting maps is a test loop: with ``test_cam`` each test sample comes back with
    ``activations`` (K, h, w), values 0 to 1, and ``activation_classes`` (K,), which
    :class:`ActivationWriter` stores. Images of a batch run together where their shapes are equal
    and one after the other where not; nothing is padded. Maps are divided by their maximum at the
    size of the image.

    Args:
        backbone (dict | nn.Module): returns a feature map or several, of which the last is used.
        head (dict | nn.Module): see above.
        neck (dict | nn.Module, optional): must keep the map.
        test_cam (dict, optional): how ``test_step`` makes maps: ``scales`` (default the
            published (1, 0.5, 1.5, 2)), ``flip`` (True), ``stride`` of the maps (4), ``classes``:
            ``'labels'`` (those of the image's labels, default) or ``'predicted'``. None: no maps.
        val_cam (dict, optional): the same for ``val_step``. Defaults to None.
        pretrained, train_cfg, data_preprocessor, init_cfg: see mmpretrain's ``ImageClassifier``.

    Raises:
        ValueError: for unknown or senseless settings of maps, or a head without maps.
    """

    def __init__(self,
                 backbone: Union[dict, nn.Module],
                 head: Union[dict, nn.Module],
                 neck: Union[dict, nn.Module, None] = None,
                 test_cam: Optional[dict] = None,
                 val_cam: Optional[dict] = None,
                 pretrained: Optional[str] = None,
                 train_cfg: Optional[dict] = None,
                 data_preprocessor: Optional[dict] = None,
                 init_cfg: Optional[dict] = None) -> None:
        parts = part_settings(backbone=backbone, neck=neck)  # before building changes the dicts
        super().__init__(
            backbone=backbone, neck=neck, head=head, pretrained=pretrained, train_cfg=train_cfg,
            data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        self._part_settings = parts
        if not hasattr(self.head, 'activation_maps'):
            raise ValueError(f'{type(self.head).__name__} has no class activation maps: use '
                             'CAMHead, GCNClsHead or ReCAMHead')
        self.test_cam = None if test_cam is None else check_cam_cfg(**test_cam)
        self.val_cam = None if val_cam is None else check_cam_cfg(**val_cam)
        padded = getattr(self.data_preprocessor, 'pad_size_divisor', 1) != 1
        if padded and (self.test_cam or self.val_cam):
            raise ValueError('activation maps of padded images would be misplaced: set '
                             'pad_size_divisor=1 in the data preprocessor')

    def maps_source(self) -> dict:
        """What maps of ``test_cam`` depend on, as plain values.

        Returns:
            dict: ``weights``, a fingerprint of all of them; ``maximum``; ``test_cam``; and with
            dotted names the options of the head (pooling and threshold only where predicted
            classes are taken), the data preprocessor, and the backbone's and neck's configs (for
            those given as modules a digest of their attributes). Left out of them is what changes
            nothing, such as places of weights and options of training, or rounding alone, such
            as ``channels_last``. How the data set's pipeline resizes images is not known here.
        """
        cam = self.test_cam or {}
        return dict(
            weights=weights_digest(self), maximum='full size', **cam,
            **head_settings(self.head, scores=cam.get('classes') == 'predicted'),
            **preprocessor_settings(self.data_preprocessor), **self._part_settings)

    @torch.no_grad()
    def cams(self, features: Union[Tensor, Sequence[Tensor]]) -> Tensor:
        """Class activation maps of features: one matrix product and a ReLU, no gradients.

        Args:
            features (Tensor | sequence of Tensor): (B, D, h, w), or what ``extract_feat`` returns.

        Returns:
            Tensor: (B, C, h, w), >= 0, not normalised.
        """
        return self.head.activation_maps(features).relu()

    @torch.no_grad()
    def multi_scale_cams(self, inputs: Tensor, scales: Sequence[float] = (1.0, 0.5, 1.5, 2.0),
                         flip: bool = True, stride: int = 4) -> Tuple[Tensor, Tensor]:
        """Sum of the class activation maps of an image at several sizes and mirrored.

        Args:
            inputs (Tensor): (B, 3, H, W), preprocessed.
            scales (sequence of float): factors of the image's size.
            flip (bool): add the mirrored image; on a GPU both go through the network as one
                batch, on a CPU one after the other.
            stride (int): the maps come at ceil(H / stride) x ceil(W / stride).

        Returns:
            tuple[Tensor, Tensor]: maps (B, C, h, w), >= 0, not normalised; class scores (B, C)
            before the sigmoid, of the image at its own size and not mirrored.
        """
        maps, logits = self._cams_by_scale(inputs, scales, flip)
        return sum_over_scales(maps, scales, inputs.shape[-2:], stride), logits

    @torch.no_grad()
    def _cams_by_scale(self, inputs: Tensor, scales: Sequence[float],
                       flip: bool) -> Tuple[List[Tensor], Tensor]:
        """Maps (B, C, ., .) at each scale's own size, none mirrored, and class scores (B, C)."""
        maps, logits = [], None
        for scale in scales:
            feats = self._feats_at(inputs, scale, flip)
            maps.append(_unflipped_sum(self.cams(feats).float(), flip))
            if scale == 1:
                logits = self.head(feats[:len(inputs)])
        if logits is None:
            logits = self.head(self._feats_at(inputs, 1.0, False))
        return maps, logits

    def _feats_at(self, inputs: Tensor, scale: float, flip: bool) -> Tensor:
        """Last feature map of the scaled images, and after them of their mirror images."""
        if scale != 1:
            size = scaled_size(inputs.shape[-2:], scale)
            inputs = F.interpolate(inputs, size, mode='bicubic', antialias=True)
        views = torch.cat([inputs, inputs.flip(-1)]) if flip else inputs
        # A CPU is faster with one after the other (its caches hold more of it), in less memory.
        parts = views.split(1) if views.device.type == 'cpu' else [views]
        return torch.cat([self.head.last_map(self.extract_feat(part)) for part in parts])

    def val_step(self, data: dict) -> List[DataSample]:
        """Predict one batch, with the maps of ``val_cam``."""
        return self._step(data, self.val_cam)

    def test_step(self, data: dict) -> List[DataSample]:
        """Predict one batch, with the maps of ``test_cam``."""
        return self._step(data, self.test_cam)

    def _step(self, data: dict, cam: Optional[dict]) -> List[DataSample]:
        results: Dict[int, DataSample] = {}
        for members, part in equal_shapes(data):
            part = self.data_preprocessor(part, False)
            samples = self.predict(part['inputs'], part['data_samples'], cam=cam)
            results.update(zip(members, samples))
        return [results[i] for i in sorted(results)]

    def predict(self,
                inputs: Tensor,
                data_samples: Optional[List[DataSample]] = None,
                cam: Optional[dict] = None) -> List[DataSample]:
        """Scores and labels of images of one shape, and their activation maps if asked for.

        Args:
            inputs (Tensor): (B, 3, H, W), preprocessed.
            data_samples (list[DataSample], optional): get the results; made if None.
            cam (dict, optional): see ``test_cam``.

        Returns:
            list[DataSample]: with ``pred_score``, ``pred_label``; and, with ``cam``,
            ``activations`` (K, h, w) in 0 to 1, ``activation_classes`` (K,).
        """
        if cam is None:
            return super().predict(inputs, data_samples)
        maps, logits = self._cams_by_scale(inputs, cam['scales'], cam['flip'])
        samples = self.head.predict_by_logits(logits, data_samples)
        for i, sample in enumerate(samples):
            classes = self._classes_of(sample, cam['classes'])
            coarse, full = (
                sum_over_scales([part[i:i + 1, classes] for part in maps], cam['scales'],
                                inputs.shape[-2:], stride)[0] for stride in (cam['stride'], 1))
            sample.set_field(normalize_maps(coarse, full), 'activations')
            sample.set_field(classes, 'activation_classes')
        return samples

    def _classes_of(self, sample: DataSample, source: str) -> Tensor:
        """The K classes whose maps are kept."""
        if source == 'predicted':
            return sample.pred_label
        return self.head.targets([sample])[0].nonzero()[:, 0].to(sample.pred_label.device)


def _unflipped_sum(maps: Tensor, flip: bool) -> Tensor:
    """Maps of images and of their mirror images, as one batch -> sums, none mirrored."""
    if not flip:
        return maps
    straight, mirrored = maps.chunk(2)
    return straight + mirrored.flip(-1)
