"""Graph reasoning after stages of a ResNet.

Source: grm.txt Table 5 (GRM after layer1 ... layer4).
"""
from os import PathLike
from typing import Any, Dict, List, Optional, Sequence, Union

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


@MODELS.register_module()
class GRMBackbone(Insertion):
    """An mmseg ResNet with ``GraphReasoningMapping`` at the end of some stages.

    The object is the ResNet itself, of a class derived from both; ``layer{i}.grm.*`` is all that
    its state dict has more, so ImageNet checkpoints load as usual. The mapping stays trainable in
    stages that ``frozen_stages`` freezes.

    Args:
        backbone (dict): Config of an mmseg ResNet, ResNetV1c, ResNetV1d, ResNeXt or ResNeSt.
        stages (Sequence[int]): Stages, 1 to 4, that end with a mapping. Defaults to (4, ).
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
        ValueError: Not an mmseg ResNet, a stage that it does not have, or ``nodes='coarse'``.
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
        with mmseg_scope(backbone):
            super().__init__(**arguments)
        stages = tuple(stages)
        if not stages or len(set(stages)) < len(stages) or not (
                1 <= min(stages) <= max(stages) <= self.num_stages):
            raise ValueError(f'GRMBackbone: stages={stages} must be some of 1 to '
                             f'{self.num_stages}, each once')
        self.grm_stages = tuple(sorted(stages))
        nodes = nodes or ('fixed' if mode == 'reference' else 'gathered')
        for stage in self.grm_stages:
            grm = GraphReasoningMapping(self.stage_channels(stage), graph=graph, mode=mode,
                                        nodes=nodes, **grm_kwargs)
            getattr(self, f'layer{stage}').add_module('grm', grm)

    @classmethod
    def _find_network(cls, backbone: Optional[Dict[str, Any]] = None, *args, **kwargs) -> type:
        network = network_class(backbone, f'backbone of {cls.__name__}')
        if not issubclass(network, ResNet):
            raise ValueError(
                f'{cls.__name__} cannot be put into {network.__name__}: it puts modules at the '
                'end of the stages of an mmseg ResNet (ResNet, ResNetV1c, ResNetV1d, ResNeXt, '
                'ResNeSt). Use one of these, or GRMHead, which takes any backbone')
        return network

    def stage_channels(self, stage: int) -> int:
        """Channels of the map that a stage, 1 to 4, returns."""
        return self.base_channels * 2**(stage - 1) * self.block.expansion

    def _places(self) -> List[Place]:
        # Asked for by _freeze_stages while the ResNet is still being built.
        return [(getattr(self, f'layer{stage}'), 'grm')
                for stage in getattr(self, 'grm_stages', ())]

    def _freeze_stages(self) -> None:
        with taken_out(self._places()):
            super()._freeze_stages()
