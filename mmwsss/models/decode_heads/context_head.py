"""A context module before the pixel classifier of any MMSegmentation decode head.

Shape letters: B batch, D channels before the classifier, K classes, H and W of the feature map.
"""
import inspect
from types import CodeType, FunctionType
from typing import Any, Dict, Iterator, List, Optional, Tuple

import torch
from mmengine.registry import MODELS
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.losses import CrossEntropyLoss
from mmseg.models.utils import resize
from torch import Tensor, nn

from mmwsss.models.insertion import Insertion, Place, mmseg_scope, network_arguments, network_class

_QUERIES = ('it classifies mask queries, not pixels',
            'use a head with a pixel classifier, such as UPerHead, on the same backbone')

# Known heads without a pixel classifier: why, and what to do instead.
_UNFIT = {
    'PointHead': (
        'it classifies sampled points, not a feature map',
        'wrap the head before it: decode_head=[dict(type={name!r}, head=dict(type="FCNHead", '
        '...)), dict(type="PointHead", ...)]'),
    'IterativeDecodeHead': (
        'K-Net has its pixel classifier in kernel_generate_head',
        'wrap that one: kernel_generate_head=dict(type={name!r}, head=dict(type="FCNHead", ...))'),
    'KernelUpdateHead': (
        'it updates kernels and classifies nothing by itself',
        'wrap kernel_generate_head of IterativeDecodeHead'),
    'SegmenterMaskTransformerHead': (
        'its logits are products of patch and class tokens',
        'use a head with a pixel classifier, such as FCNHead, on the same backbone'),
    'SideAdapterCLIPHead': (
        'it compares mask proposals with CLIP embeddings of the class names',
        'use a head with a pixel classifier, such as SegformerHead'),
    'MaskFormerHead': _QUERIES,
    'Mask2FormerHead': _QUERIES,
    'VPDDepthHead': ('it regresses depth and has no classes', 'use a segmentation head'),
}


@MODELS.register_module()
class ContextHead(Insertion):
    """Any mmseg decode head with a context module before its pixel classifier.

    The object is the head itself, of a class derived from both: its attributes, its losses and its
    state dict stay, and ``context.*`` is added (``context_module.*`` in a head that has a
    ``context`` of its own, as ANNHead). A checkpoint of the plain head therefore loads with only
    these keys missing. The module sees the features (B, D, H, W) that the head gives to
    ``cls_seg``, before dropout and ``conv_seg``; auxiliary classifiers inside a head (DAHead,
    DDRHead, PIDHead) are left as they are.

    A context module is built with ``in_channels=D`` and, if it takes it, ``num_classes=K``. Its
    ``forward`` keeps the shape. If it has ``reason(x) -> (y, coarse)``, the class map ``coarse``
    (B, K, H, W) is trained with a cross entropy against the same labels, logged as
    ``loss_coarse``. It is averaged as the head's own cross entropy is; samplers (OHEM) do not
    apply to it.

    Args:
        head (dict): Config of the decode head.
        context (dict): Config of the module, without ``in_channels`` and ``num_classes``.
        loss_coarse_weight (float): Weight of ``loss_coarse``; 0 drops it. Defaults to 0.4.

    Raises:
        TypeError: ``head`` or ``context`` is no config.
        ValueError: The head has no pixel classifier on a feature map; says why and what to do.
    """

    inserted_name = 'context'

    def __init__(self, head: Dict[str, Any], context: Dict[str, Any],
                 loss_coarse_weight: float = 0.4) -> None:
        with mmseg_scope(head):
            super().__init__(**network_arguments(head))
        channels = self._classifier_channels()
        self._inserted = _free_name(self, type(self).inserted_name)
        self.add_module(self._inserted, _build_context(context, channels, self.num_classes))
        self._coarse_logits: Optional[Tensor] = None
        self._coarse_criterion = CrossEntropyLoss(
            loss_weight=loss_coarse_weight, avg_non_ignore=_averages_non_ignored(self))

    @classmethod
    def _find_network(cls, head: Optional[Dict[str, Any]] = None, *args, **kwargs) -> type:
        head_class = network_class(head, f'head of {cls.__name__}')
        for parent in head_class.__mro__:
            if parent.__name__ in _UNFIT:
                raise unfit_error(cls, head_class, *_UNFIT[parent.__name__])
        if not issubclass(head_class, BaseDecodeHead):
            raise unfit_error(cls, head_class, 'it is not a BaseDecodeHead of mmseg', _DERIVE)
        if not _calls_cls_seg(head_class):
            raise unfit_error(cls, head_class, 'it never calls self.cls_seg', _DERIVE)
        return head_class

    def _classifier_channels(self) -> int:
        """D, of the pixel classifier that the head has built."""
        classifier = getattr(self, 'conv_seg', None)
        channels = getattr(classifier, 'in_channels', None)
        if channels is None:
            inserting, head_class = self.parts
            if getattr(self, 'straight_to_classes', False):
                raise unfit_error(inserting, head_class, 'without channels it goes straight to '
                                  'classes', 'give it channels=256')
            raise unfit_error(inserting, head_class, 'it has no classifier conv_seg', _DERIVE)
        return channels

    def _places(self) -> List[Place]:
        return [(self, self._inserted)]

    @property
    def inserted(self) -> nn.Module:
        """The inserted module, whatever its name in the state dict."""
        return self._modules[self._inserted]

    def cls_seg(self, feat: Tensor) -> Tensor:
        """Context, then the head's own classifier: (B, D, H, W) -> (B, K, H, W)."""
        module = getattr(self, self._inserted)
        if not (self.training and hasattr(module, 'reason')):
            return super().cls_seg(module(feat))
        feat, coarse = module.reason(feat)
        # Kept for loss_by_feat, which follows; a pass without gradients has no loss.
        self._coarse_logits = coarse if torch.is_grad_enabled() else None
        return super().cls_seg(feat)

    def loss_by_feat(self, seg_logits, batch_data_samples, *args, **kwargs) -> Dict[str, Tensor]:
        """Losses of the head, and ``loss_coarse`` if this forward pass made a class map."""
        coarse, self._coarse_logits = self._coarse_logits, None
        losses = super().loss_by_feat(seg_logits, batch_data_samples, *args, **kwargs)
        if coarse is not None and self.training and self._coarse_criterion.loss_weight:
            losses['loss_coarse'] = self._coarse_loss(coarse, batch_data_samples)
        return losses

    def _coarse_loss(self, coarse: Tensor, batch_data_samples) -> Tensor:
        # Not self._stack_batch_gt: PIDHead's returns two maps.
        labels = torch.stack([sample.gt_sem_seg.data for sample in batch_data_samples]).squeeze(1)
        coarse = resize(coarse, size=labels.shape[-2:], mode='bilinear',
                        align_corners=self.align_corners)
        ignore_index = 255 if self.ignore_index is None else self.ignore_index
        return self._coarse_criterion(coarse, labels, ignore_index=ignore_index)

    def __reduce_ex__(self, protocol):
        # A class map in waiting is part of an autograd graph and cannot be copied.
        self._coarse_logits = None
        return super().__reduce_ex__(protocol)


_DERIVE = ('a head works if it derives from mmseg.models.decode_heads.decode_head.BaseDecodeHead '
           'and calls self.cls_seg on the features before self.conv_seg')


def unfit_error(inserting: type, head_class: type, why: str, remedy: str) -> ValueError:
    return ValueError(f'{inserting.__name__} cannot be put into {head_class.__name__}: {why}. '
                      f'Instead: {remedy.replace("{name!r}", repr(inserting.__name__))}')


def _calls_cls_seg(head_class: type) -> bool:
    """Whether a method other than ``cls_seg`` itself names it."""
    return any('cls_seg' in _names(method.__code__)
               for name in dir(head_class) if name != 'cls_seg'
               for method in _live_methods(head_class, name))


def _live_methods(cls: type, name: str) -> Iterator[FunctionType]:
    """The method of that name, and the overridden ones that it passes the call on to."""
    parents = {parent.__name__ for parent in cls.__mro__}
    for parent in cls.__mro__:
        method = vars(parent).get(name)
        if isinstance(method, FunctionType):
            yield method
            if not {'super', *parents} & set(_names(method.__code__)):
                return


def _names(code: CodeType) -> Tuple[str, ...]:
    """Attribute and global names in a function and in what is defined inside it."""
    inner = (const for const in code.co_consts if isinstance(const, CodeType))
    return code.co_names + tuple(name for const in inner for name in _names(const))


def _free_name(head: nn.Module, name: str) -> str:
    return f'{name}_module' if hasattr(head, name) else name


def _build_context(cfg: Dict[str, Any], in_channels: int, num_classes: int) -> nn.Module:
    """The module of ``cfg`` at these sizes."""
    module_class = network_class(cfg, 'context')
    given = {'in_channels', 'num_classes'} & set(cfg)
    if given:
        raise ValueError(f'{" and ".join(sorted(given))} of the context module come from the '
                         'head; drop them from its config')
    sizes = dict(in_channels=in_channels, num_classes=num_classes)
    if 'num_classes' not in inspect.signature(module_class.__init__).parameters:
        del sizes['num_classes']
    with mmseg_scope(cfg) as registry:
        return registry.build({**cfg, **sizes})


def _averages_non_ignored(head: BaseDecodeHead) -> bool:
    """Whether the head's own losses average over labelled pixels only."""
    return any(getattr(loss, 'avg_non_ignore', False) for loss in head.loss_decode.modules())
