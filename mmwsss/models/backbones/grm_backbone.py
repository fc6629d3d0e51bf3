"""Graph reasoning after stages of a ResNet or of a timm trunk.

Source: grm.txt Table 5 (GRM after layer1 ... layer4).
"""
from os import PathLike
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

import torch.nn as nn
from mmengine.registry import MODELS
from mmseg.models.backbones import ResNet

from mmwsss.knowledge import ClassGraph
from mmwsss.models.insertion import (
    Insertion,
    Place,
    mmseg_scope,
    network_arguments,
    network_class,
    taken_out,
)
from mmwsss.models.layers import GraphReasoningMapping

from .frozen_timm import FrozenTIMMBackbone


@MODELS.register_module()
class GRMBackbone(Insertion):
    """A backbone with ``GraphReasoningMapping`` at the end of some stages.

    The object is the backbone itself, of a class derived from both; ``layer{i}.grm.*`` (in a timm
    EfficientNet ``timm_model.blocks.{n}.grm.*``) is all that its state dict has more, so ImageNet
    checkpoints load as usual. The mapping stays trainable, and in training mode, in stages that
    ``frozen_stages`` freezes.

    Args:
        backbone (dict): Config of an mmseg ResNet, ResNetV1c, ResNetV1d, ResNeXt or ResNeSt, or
            of a ``FrozenTIMMBackbone``.
        stages (Sequence[int]): Stages, 1 to 4, that end with a mapping; of a timm trunk the
            indices of its features. Defaults to (4, ).
        graph (ClassGraph | str): Class graph, see ``GraphReasoningMapping``. Defaults to 'voc'.
        mode (str): Score, see ``GraphReasoningMapping``. Defaults to 'bilinear'.
        nodes (str, optional): 'fixed' or 'gathered'; 'coarse' needs labels, which a backbone does
            not see. Defaults to 'fixed' for the reference, else 'gathered'.
        pretrained (str, optional): That of ``backbone``; ``EncoderDecoder(pretrained=...)`` puts
            it here.
        init_cfg (dict | list[dict], optional): That of ``backbone``.
        **grm_kwargs: Further arguments of ``GraphReasoningMapping`` but ``in_channels`` and
            ``num_classes``.

    Raises:
        TypeError: ``backbone`` is no config.
        ValueError: Another backbone, a stage that it does not have, ``nodes='coarse'``, or a
            ``feature_cache``, whose features would not change with the mapping.
    """

    def __init__(self,
                 backbone: Dict[str, Any],
                 stages: Sequence[int] = (4, ),
                 graph: Union[ClassGraph, str, PathLike] = 'voc',
                 mode: str = 'bilinear',
                 nodes: Optional[str] = None,
                 pretrained: Optional[str] = None,
                 init_cfg: Optional[Union[dict, List[dict]]] = None,
                 **grm_kwargs) -> None:
        if nodes == 'coarse':
            raise ValueError("GRMBackbone: nodes='coarse' is trained with labels, which a "
                             "backbone does not see; use nodes='gathered', or GRMHead")
        arguments = network_arguments(backbone)
        arguments.update((key, value) for key, value in
                         (('pretrained', pretrained), ('init_cfg', init_cfg)) if value is not None)
        if arguments.get('feature_cache') not in (None, '', 'none'):
            raise ValueError(
                f'GRMBackbone: feature_cache={arguments["feature_cache"]!r} keeps features of a '
                'trunk that never changes, and the mapping in it learns; set feature_cache=None')
        with mmseg_scope(backbone):
            super().__init__(**arguments)
        stages = tuple(stages)
        if not stages or len(set(stages)) < len(stages) or not set(stages) <= set(
                range(1, self._last_stage() + 1)):
            raise ValueError(f'GRMBackbone: stages={stages} must be some of 1 to '
                             f'{self._last_stage()}, each once')
        self.grm_stages = tuple(sorted(stages))
        nodes = nodes or ('fixed' if mode == 'reference' else 'gathered')
        for stage in self.grm_stages:
            grm = GraphReasoningMapping(self.stage_channels(stage), graph=graph, mode=mode,
                                        nodes=nodes, **grm_kwargs)
            self._stage(stage)[0].add_module('grm', grm)

    @classmethod
    def _find_network(cls, backbone: Optional[Dict[str, Any]] = None, *args, **kwargs) -> type:
        network = network_class(backbone, f'backbone of {cls.__name__}')
        if not issubclass(network, (ResNet, FrozenTIMMBackbone)):
            raise ValueError(
                f'{cls.__name__} cannot be put into {network.__name__}: it puts modules at the '
                'end of the stages of an mmseg ResNet (ResNet, ResNetV1c, ResNetV1d, ResNeXt, '
                'ResNeSt) or of a FrozenTIMMBackbone. Use one of these, or GRMHead, which takes '
                'any backbone')
        return network

    def _last_stage(self) -> int:
        if isinstance(self, FrozenTIMMBackbone):
            return max(self.timm_model.feature_info.out_indices)
        return self.num_stages

    def _stage(self, stage: int) -> Tuple[nn.Sequential, int]:
        """What a stage, 1 to 4, consists of, and the channels of the map that it returns."""
        if isinstance(self, FrozenTIMMBackbone):
            return self.stage(stage)
        channels = self.base_channels * 2**(stage - 1) * self.block.expansion
        return getattr(self, f'layer{stage}'), channels

    def stage_channels(self, stage: int) -> int:
        """Channels of the map that a stage, 1 to 4, returns."""
        return self._stage(stage)[1]

    def _places(self) -> List[Place]:
        # Asked for while the backbone is still being built, too.
        return [(self._stage(stage)[0], 'grm') for stage in getattr(self, 'grm_stages', ())]

    def train(self, mode: bool = True) -> Any:
        """Set the mode; what the backbone freezes then is itself, not the mapping."""
        places = self._places()
        with taken_out(places):
            result = super().train(mode)
        for parent, name in places:
            parent._modules[name].train(mode)
        return result

    def _load_pretrained(self, cfgs: List[dict]) -> None:
        if not isinstance(self, FrozenTIMMBackbone):  # which has read its timm checkpoint itself
            super()._load_pretrained(cfgs)
