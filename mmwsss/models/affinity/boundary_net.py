"""IRN's boundary network: learns from pseudo labels where one class ends, and walks along it.

Source: Ahn, Cho, Kwak, "Weakly Supervised Learning of Instance Segmentation with Inter-pixel
Relations", CVPR 2019; sizes and balance of the published code. Only the edge branch: semantic
labels do not use the displacement branch, which shares no trained weight with it
(docs/boundary_network.md).

B: batch, H, W: size of the image, h, w: of a map at stride 4, K: classes in an image.
"""
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple, Union

import torch
from mmengine.model import BaseModel
from mmengine.registry import MODELS
from mmengine.structures import BaseDataElement
from torch import Tensor

from mmwsss.models.equal_shapes import equal_shapes
from mmwsss.models.map_settings import part_settings, preprocessor_settings
from mmwsss.models.weights_digest import weights_digest

from .affinity_loss import affinity_loss
from .edge_branch import STRIDE, EdgeBranch, map_size, probe_stages, stage_features
from .edge_walk import EdgeWalk


@MODELS.register_module()
class BoundaryNet(BaseModel):
    """A frozen backbone and a trained edge branch.

    Training takes label maps of class ids, 0 and 255 from any segmentation data set, at stride 4,
    and minimises :func:`affinity_loss`. The backbone stays in eval mode and gets no gradient.

    Testing gives each sample ``edge`` (h, w) in 0 to 1, the mean over the image and its mirror
    image before the sigmoid; and with ``walk`` also ``activations`` (K, H, W), 0 to 1, with
    ``activation_classes`` (K,): the maps of a store, spread by the walk, which
    :class:`PseudoLabelQuality` and writers take. Images of a batch run and walk together where
    their shapes are equal, on the device of the model.

    The state dict holds ``backbone.*`` and ``edge_branch.*``.

    Args:
        backbone (dict): any that returns maps of several stages (set its ``out_indices``).
            Channels and strides are found out.
        stem (str, optional): a module inside the backbone whose output is one more stage, before
            the others: 'maxpool' of a ResNet, as in IRN. Defaults to None.
        channels (int): of the side branches. Defaults to 32.
        groups (int): of GroupNorm. Defaults to 4.
        radius (float): of the loss, at stride 4. Defaults to 10.
        pairs (str): which pairs the loss takes, ``'all'`` or ``'inner'``, as published; see
            :func:`affinity_loss`. Defaults to 'all'.
        walk (dict, optional): arguments of :class:`EdgeWalk`: ``store``, ``radius`` (5), ``beta``
            (10), ``steps`` (256), ``full_size`` (True). None (default): edges only.
        data_preprocessor (dict, optional): mmseg's ``SegDataPreProcessor``; with its
            ``test_cfg=dict(size=...)`` small images are padded for testing as in training.
        init_cfg (dict, optional): initialisation; default: weights as torch makes them.

    Raises:
        ValueError: ``stem`` is no module of the backbone, its stages do not fit, or ``walk`` has
            senseless parameters.
    """

    def __init__(self,
                 backbone: dict,
                 stem: Optional[str] = None,
                 channels: int = 32,
                 groups: int = 4,
                 radius: float = 10,
                 pairs: str = 'all',
                 walk: Optional[dict] = None,
                 data_preprocessor: Optional[dict] = None,
                 init_cfg: Optional[Union[dict, List[dict]]] = None) -> None:
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        # Before building, which may change the dict.
        self._part_settings = dict(part_settings(backbone=backbone), stem=stem, groups=groups)
        self.backbone = MODELS.build(backbone)
        self.backbone.requires_grad_(False)
        self.stem = stem
        in_channels, strides = probe_stages(self.backbone, stem)
        self.edge_branch = EdgeBranch(in_channels, strides, channels, groups)
        self.radius = radius
        self.pairs = pairs
        self.walk = None if walk is None else EdgeWalk(**walk)
        self.train(self.training)

    def class_problems(self, classes: Sequence[str]) -> List[str]:
        """What is wrong with the maps to be walked, for :class:`PreflightHook`."""
        return [] if self.walk is None else self.walk.class_problems(classes)

    def check_images(self, ids: Sequence[str]) -> None:
        """Raise ``ValueError`` if some of these images have no maps to be walked."""
        if self.walk is not None:
            self.walk.check_images(ids)

    def maps_source(self) -> dict:
        """What walked maps depend on, as plain values.

        Returns:
            dict: ``weights``, a fingerprint of all of them; ``walk``, its settings and what it
            starts from, or None; ``stem``, ``groups``; and with dotted names the config of the
            backbone and the options of the data preprocessor. Left out is what changes nothing,
            such as places of weights and options of training, or rounding alone.
        """
        walk = None if self.walk is None else self.walk.maps_source()
        return dict(weights=weights_digest(self), walk=walk, **self._part_settings,
                    **preprocessor_settings(self.data_preprocessor))

    def train(self, mode: bool = True) -> 'BoundaryNet':
        """Set the mode; the backbone stays in eval mode."""
        super().train(mode)
        self.backbone.eval()
        return self

    def edge_logits(self, inputs: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, h, w), before the sigmoid."""
        with torch.no_grad():
            features = stage_features(self.backbone, inputs, self.stem)
        return self.edge_branch(features, inputs.shape[-2:])

    def forward(self,
                inputs: Tensor,
                data_samples: Optional[List[BaseDataElement]] = None,
                mode: str = 'tensor') -> Union[Tensor, Dict[str, Tensor], list]:
        """Edge logits (``'tensor'``), losses (``'loss'``) or samples with results (``'predict'``).

        Args:
            inputs (Tensor): (B, 3, H, W), preprocessed.
            data_samples: with ``gt_sem_seg`` for the loss.
        """
        if mode == 'tensor':
            return self.edge_logits(inputs)
        if mode == 'loss':
            return self.loss(inputs, data_samples)
        if mode == 'predict':
            return self.predict(inputs, data_samples)
        raise ValueError(f"mode={mode!r} is unknown; use 'tensor', 'loss' or 'predict'")

    def loss(self, inputs: Tensor, data_samples: Sequence[BaseDataElement]) -> Dict[str, Tensor]:
        """``loss_affinity`` and its three terms."""
        labels = [sample.gt_sem_seg.data.squeeze(0) for sample in data_samples]
        for label in labels:
            if label.shape != inputs.shape[2:]:
                raise ValueError(f'labels of {tuple(label.shape)} do not fit images of '
                                 f'{tuple(inputs.shape[2:])} (H, W)')
        labels = torch.stack(labels)
        edges = self.edge_logits(inputs).float().sigmoid()
        loss, terms = affinity_loss(edges, labels_at_stride(labels), self.radius, self.pairs)
        return dict(loss_affinity=loss, **terms)

    @torch.no_grad()
    def edges(self, inputs: Tensor, size: Optional[Sequence[int]] = None) -> Tensor:
        """Edge maps from images and their mirror images.

        Args:
            inputs (Tensor): (B, 3, H, W), preprocessed, possibly padded on the right and below.
            size: (H, W) without padding. Default: that of ``inputs``.

        Returns:
            Tensor: (B, h, w) in 0 to 1, without padding.
        """
        size = tuple(size or inputs.shape[-2:])
        logits, mirrored = self.edge_logits(
            torch.cat([inputs, _mirrored(inputs, size[1])])).float().chunk(2)
        height, width = map_size(size)
        return torch.sigmoid((logits[:, :height, :width]
                              + mirrored[:, :height, :width].flip(-1)) / 2)

    def val_step(self, data: dict) -> List[BaseDataElement]:
        """The same as :meth:`test_step`."""
        return self.test_step(data)

    def test_step(self, data: dict) -> List[BaseDataElement]:
        """Edges, and propagated maps with ``walk``, of one batch of any shapes."""
        results: Dict[int, BaseDataElement] = {}
        for members, part in equal_shapes(data):
            size = part['inputs'][0].shape[-2:]
            part = self.data_preprocessor(part, False)
            samples = self.predict(part['inputs'], part['data_samples'], size)
            results.update(zip(members, samples))
        return [results[i] for i in sorted(results)]

    def predict(self,
                inputs: Tensor,
                data_samples: Optional[List[BaseDataElement]] = None,
                size: Optional[Sequence[int]] = None) -> List[BaseDataElement]:
        """Results of images of one shape.

        Args:
            inputs (Tensor): (B, 3, H, W), preprocessed.
            data_samples: get the results; made if None. For the walk they need ``image_id``, or
                ``img_path`` whose file name it is, and ``ori_shape``.
            size: (H, W) without padding. Default: that of ``inputs``.

        Raises:
            ValueError: the walk has no maps of an image, or of another size.
        """
        size = tuple(size or inputs.shape[-2:])
        samples = data_samples or [BaseDataElement() for _ in inputs]
        # Before any work: a store that lacks an image should say so at once.
        starts = None if self.walk is None else [
            self._start(sample, size) for sample in samples]
        edges = self.edges(inputs, size)
        for sample, edge in zip(samples, edges):
            sample.set_field(edge, 'edge')
        if starts is not None:
            sizes = [_image_size(sample) for sample in samples]
            walked = self.walk(edges, [maps for _, maps in starts], size, sizes)
            for sample, (classes, _), maps in zip(samples, starts, walked):
                sample.set_field(maps, 'activations')
                sample.set_field(torch.tensor(classes, dtype=torch.long, device=maps.device),
                                 'activation_classes')
        return samples

    def _start(self, sample: BaseDataElement, size: Sequence[int]) -> Tuple[List[int], Tensor]:
        """Classes and maps to be walked; none for an image that could not be read."""
        if 'unreadable' in sample:
            return [], torch.zeros(0, *map_size(size))
        return self.walk.start(_image_id(sample), _image_size(sample), size)


def labels_at_stride(labels: Tensor) -> Tensor:
    """(B, H, W) -> (B, h, w): the nearest pixel to the middle of each 4 x 4 block."""
    for dim in (1, 2):
        length = labels.shape[dim]
        middle = torch.arange(STRIDE // 2, length + STRIDE // 2, STRIDE, device=labels.device)
        labels = labels.index_select(dim, middle.clamp(max=length - 1))
    return labels


def _mirrored(inputs: Tensor, width: int) -> Tensor:
    """Mirror images; padding stays on the right."""
    return torch.cat([inputs[..., :width].flip(-1), inputs[..., width:]], dim=-1)


def _image_id(sample: BaseDataElement) -> str:
    image_id = sample.get('image_id') or Path(sample.get('img_path', '')).stem
    if not image_id:
        raise ValueError('a test sample has neither image_id nor img_path, by which the walk '
                         'finds its maps: add them to meta_keys of the packing transform')
    return image_id


def _image_size(sample: BaseDataElement) -> Tuple[int, int]:
    size = sample.get('ori_shape')
    if size is None:
        raise ValueError(f'{_image_id(sample)!r} has no ori_shape, to which its maps are '
                         'enlarged: add it to meta_keys of the packing transform')
    return tuple(size[:2])
