"""P-GNN: a classifier on feature maps that the patches of same-class images have spoken to.

Source: pgnn.txt, "Construct the patch-level graph neural network" and "Soft Complementary Loss".
Shape letters: B batch, N images in a group, M patches, D feature channels, H, W map size,
C classes, K classes in an image.
"""
import contextlib
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

import torch
from mmengine.registry import MODELS
from mmpretrain.structures import DataSample
from torch import Tensor

from mmwsss.models.layers import PatchGraph, grid_masks_of, patch_labels
from mmwsss.models.losses import attention_region

from .cam_head import CAMHead, classification_loss
from .node_bank import NodeBank
from .patch_plan import (
    absent_class,
    box_masks_of,
    classes_of,
    focus_of,
    matched_vector,
    normalized,
    previous_map,
)

CONTEXTS = ('graph', 'vector', 'none')
ATTENTION = ('previous', 'current', 'union')
INFERENCE = ('single', 'group')
ERASE = ('features', 'maps')


class Patches(NamedTuple):
    """Patches of a batch: ``masks`` (B, M, H, W), ``labels`` (B, M) or None."""

    masks: Tensor
    labels: Optional[Tensor] = None


@MODELS.register_module()
class PGNNHead(CAMHead):
    """Patch graph, 1x1 classifier, pooling; trained with the soft-complementary loss if given.

    State dict: ``classifier.weight`` (C, D, 1, 1) and ``graph.*`` or ``vector.*``.

    Args:
        num_classes (int): C.
        in_channels (int): D.
        graph (dict): options of :class:`PatchGraph`.
        context (str): ``'graph'``; the controls ``'vector'`` (:class:`GlobalContext` with as many
            parameters as the graph, of the image alone) and ``'none'`` (plain CAM).
        patches (int): S of the S x S grid. Defaults to 4.
        max_boxes (int, optional): instead of the grid, this many of the sample's ``proposals``
            (see :class:`LoadProposals`) and one background patch.
        group_size (int): N. In training, N images in a row are a group: use
            :class:`SameClassBatchSampler` with this ``group_size``. Defaults to 3.
        inference (str): ``'single'``: each image alone (default); ``'group'``: with N - 1 other
            images of the same class, whose nodes :class:`SiblingNodesHook` collects.
        groupings (int): with ``'group'``: how many different groups maps are averaged over.
        loss_sc (dict, optional): a :class:`SoftComplementaryLoss`. None: classification only.
        attention (str): A of the loss: of the ``'previous'`` epoch (:class:`AttentionMemoryHook`;
            paper), the ``'current'`` map with its gradient, or the larger of both (``'union'``).
        threshold (float): of Eq. 5, on maps over their maximum. Defaults to 0.3.
        erase (str): what A and 1 - A of Eq. 7, 8 are laid over: the class ``'maps'`` (default), or
            the ``'features'``, on which the graph then runs again (paper). With
            ``context='none'`` both are the same; with a graph the second lets it learn from the
            erasing itself, and measured worse (docs/results.md).
        remask (bool): with ``erase='features'``, lay A and 1 - A over the maps too before they
            are pooled: context reaches erased pixels. Defaults to True.
        pooling, thr: see :class:`CAMHead`.

    Raises:
        ValueError: for an unknown option.
    """

    def __init__(self,
                 num_classes: int,
                 in_channels: int,
                 graph: Optional[dict] = None,
                 context: str = 'graph',
                 patches: int = 4,
                 max_boxes: Optional[int] = None,
                 group_size: int = 3,
                 inference: str = 'single',
                 groupings: int = 1,
                 loss_sc: Optional[dict] = None,
                 attention: str = 'previous',
                 threshold: float = 0.3,
                 erase: str = 'maps',
                 remask: bool = True,
                 pooling: Union[str, dict] = 'gap',
                 thr: float = 0.5,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(num_classes, in_channels, pooling=pooling, thr=thr, init_cfg=init_cfg)
        for name, value, known in (('context', context, CONTEXTS), ('inference', inference,
                                   INFERENCE), ('attention', attention, ATTENTION),
                                   ('erase', erase, ERASE)):
            if value not in known:
                raise ValueError(f'{name}={value!r} is unknown; use one of {known}')
        if min(patches, group_size, groupings) < 1 or not 0 <= threshold < 1:
            raise ValueError('patches, group_size and groupings must be at least 1 and threshold '
                             f'lie in [0, 1), got {patches}, {group_size}, {groupings}, '
                             f'{threshold}')
        if inference == 'group' and context != 'graph':
            raise ValueError("inference='group' needs context='graph'")
        options = dict(in_channels=in_channels, num_classes=num_classes, **(graph or {}))
        self.graph = PatchGraph(**options) if context == 'graph' else None
        self.vector = matched_vector(**options) if context == 'vector' else None
        self.patches, self.max_boxes, self.group_size = patches, max_boxes, group_size
        self.inference, self.groupings = inference, groupings
        self.loss_sc = None if loss_sc is None else MODELS.build(loss_sc)
        self.attention, self.threshold = attention, threshold
        self.erase, self.remask = erase, remask
        self.bank: Optional[NodeBank] = None
        # A list collects the maps (B, C, H, W) of each training step; see AttentionMemoryHook.
        self.attention_log: Optional[List[Tensor]] = None
        self._samples: Optional[Sequence[DataSample]] = None
        # (height, width) of the images that features are made of; PGNNClassifier keeps it.
        self.input_size: Optional[Tuple[int, int]] = None

    # Maps

    def patches_of(self, x: Tensor, samples: Optional[Sequence[DataSample]] = None,
                   focus: Optional[Sequence[int]] = None,
                   attention: Optional[Sequence[Optional[Tensor]]] = None) -> Optional[Patches]:
        """Patches of images; ``samples`` may be half of ``x``, the rest mirrored."""
        if self.graph is None:
            return None
        masks = (grid_masks_of(x, self.patches) if self.max_boxes is None else
                 box_masks_of(x, samples, self.max_boxes, self.input_size))
        if focus is None:
            return Patches(masks)
        return Patches(masks, patch_labels(self.graph.class_embedding, masks, focus, attention,
                                           background_last=self.max_boxes is not None))

    def class_maps(self, x: Tensor, patches: Optional[Patches] = None, group_size: int = 1,
                   **siblings) -> Tensor:
        """Class maps before the ReLU: (B, D, H, W) -> (B, C, H, W)."""
        if self.graph is not None:
            patches = patches or self.patches_of(x)
            x = self.graph(x, patches.masks, group_size, patches.labels, **siblings)
        elif self.vector is not None:
            x = self.vector(x)
        return self.classifier(x)

    def forward(self, feats: Union[Tensor, Sequence[Tensor]]) -> Tensor:
        """Class scores before the sigmoid, (B, C): each image alone, no class embedded."""
        x = self.last_map(feats)
        if self._samples is not None and len(self._samples) == len(x):
            self._test_leak(x, self._samples)
        return self.pool(self.class_maps(x, self._unlabelled(x)))

    def activation_maps(self, feats: Union[Tensor, Sequence[Tensor]]) -> Tensor:
        """Class activation maps before the ReLU, (B, C, H, W).

        Inside :meth:`labelled` those of the images' classes are made as ``inference`` says and
        with their class embedded.
        """
        x = self.last_map(feats)
        maps = self.class_maps(x, self._unlabelled(x))
        if self._samples is None or not self._by_class:
            return maps
        maps = maps.clone()
        present = [classes_of(sample, self) for sample in self._samples]
        present = present * (len(x) // len(present))  # mirror images come after all others
        for c in sorted(set().union(*present)):
            rows = [row for row, classes in enumerate(present) if c in classes]
            maps[rows, c] = self._maps_for(c, x, rows)
        return maps

    @contextlib.contextmanager
    def labelled(self, samples: Optional[Sequence[DataSample]]) -> Iterator[None]:
        """Inside, the maps asked for are of these images (and then of their mirror images)."""
        self._samples = samples
        try:
            yield
        finally:
            self._samples = None

    @property
    def _by_class(self) -> bool:
        """Whether maps differ with the class that an image is looked at for."""
        return self.graph is not None and (
            self.inference == 'group' or self.graph.class_embedding in ('coverage', 'all'))

    def _unlabelled(self, x: Tensor) -> Optional[Patches]:
        foreground = self.graph is not None and self.graph.class_embedding == 'foreground'
        return self.patches_of(x, self._samples, [0] * len(x) if foreground else None)

    def _maps_for(self, c: int, x: Tensor, rows: List[int]) -> Tensor:
        """Maps (rows, H, W) of class c, with that class embedded and its siblings."""
        patches = self.patches_of(x, self._samples, [c] * len(x))
        patches = Patches(*(None if part is None else part[rows] for part in patches))
        if self.inference == 'single':
            return self.class_maps(x[rows], patches)[:, c]
        if self.bank is None:
            raise ValueError("inference='group' needs the nodes of other images: add "
                             'SiblingNodesHook to custom_hooks')
        ids = [self._samples[row % len(self._samples)].get('image_id') for row in rows]
        total = 0
        for grouping in range(self.groupings):
            siblings = self.bank.siblings(ids, c, self.group_size - 1, grouping, self.graph)
            total = total + self.class_maps(x[rows], patches, siblings=siblings)[:, c]
        return total / self.groupings

    # Training

    def loss(self, feats: Tuple[Tensor], data_samples: List[DataSample], **kwargs) -> dict:
        """Classification, or the terms of Eq. 6.

        Returns:
            dict: ``loss_cls`` (mean over classes without ``loss_sc``); with it ``loss_erase``,
            ``loss_keep`` and ``loss_tv`` too, weighted, 0 where there is no attention map yet.
        """
        x = self.last_map(feats)
        if self.graph is not None and len(x) % self.group_size:
            raise ValueError(f'a batch of {len(x)} images has no whole groups of '
                             f'{self.group_size}: set batch_size to a multiple of group_size, '
                             'and use SameClassBatchSampler')
        targets = self.targets(data_samples).to(x.device)
        focus = [focus_of(sample, target) for sample, target in zip(data_samples, targets)]
        previous = [previous_map(sample, c, x.shape[-2:])
                    for sample, c in zip(data_samples, focus)]
        patches = self.patches_of(x, data_samples, focus, previous)
        maps = self.class_maps(x, patches, self.group_size)
        if self.attention_log is not None:
            self.attention_log.append(maps.detach())
        if self.loss_sc is None:
            return dict(loss_cls=classification_loss(self.pool(maps), targets))
        terms = self._complementary_terms(x, patches, maps, targets, focus, previous)
        return {f'loss_{name}': value for name, value in terms.items()}

    def _complementary_terms(self, x: Tensor, patches: Optional[Patches], maps: Tensor,
                             targets: Tensor, focus: Sequence[int],
                             previous: Sequence[Optional[Tensor]]) -> Dict[str, Tensor]:
        classes = torch.as_tensor(focus, device=x.device)
        current = normalized(maps[torch.arange(len(x)), classes.clamp(min=0)].float())
        region = self._region(current, previous)
        if region is None or not self.loss_sc.needs_regions:
            return self.loss_sc(self.pool(maps), targets)
        if self.attention == 'previous':
            known = torch.tensor([a is not None for a in previous], device=x.device)
            classes = torch.where(known, classes, -1)
        weights = self.loss_sc.options['weights']
        return self.loss_sc(
            self.pool(maps), targets, classes=classes,
            erase_logits=self._logits_of(x, maps, 1 - region, patches) if weights[0] else None,
            keep_logits=self._logits_of(x, maps, region, patches) if weights[1] else None,
            attention=current if weights[2] else None)

    def _region(self, current: Tensor, previous: Sequence[Optional[Tensor]]) -> Optional[Tensor]:
        """Thre(A) of Eq. 5, (B, H, W); None if no image has any."""
        if self.attention == 'current':
            return attention_region(current, self.threshold)
        if all(a is None for a in previous):
            return None
        known = torch.stack([torch.zeros_like(current[0]) if a is None else a for a in previous])
        if self.attention == 'union':
            known = torch.maximum(known, current)
        return attention_region(known, self.threshold)

    def _logits_of(self, x: Tensor, maps: Tensor, region: Tensor,
                   patches: Optional[Patches]) -> Tensor:
        """phi(A, N) of Eq. 7, 8: scores (B, C) of what a region (B, H, W) leaves."""
        region = region[:, None].to(x.dtype)
        if self.erase == 'maps':
            return self.pool(maps * region)
        maps = self.class_maps(x * region, patches, self.group_size)
        return self.pool(maps * region if self.remask else maps)

    # Diagnosis

    @torch.no_grad()
    def _test_leak(self, x: Tensor, samples: Sequence[DataSample]) -> None:
        """Embed a class that is absent; ``embedding_leak`` of a sample: is it predicted?"""
        absent = [absent_class(classes_of(sample, self), self.num_classes,
                               sample.get('image_id') or sample.get('img_path'))
                  for sample in samples]
        logits = self.pool(self.class_maps(x, self.patches_of(x, samples, absent)))
        for sample, c, logit_c in zip(samples, absent, logits):
            if c >= 0:
                leaked = logit_c[c].float().sigmoid() >= self.thr
                sample.set_field(bool(leaked), 'embedding_leak', field_type='metainfo')
