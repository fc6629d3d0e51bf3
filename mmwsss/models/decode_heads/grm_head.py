"""Graph reasoning before the pixel classifier of any MMSegmentation decode head.

Source: grm.txt §3.4 (GRM stands between the features and the classifier), Table 5.
"""
from os import PathLike
from typing import Any, Dict, Optional, Union

from mmengine.registry import MODELS
from mmseg.models.decode_heads import STDCHead

from mmwsss.knowledge import ClassGraph

from .context_head import ContextHead, unfit_error


@MODELS.register_module()
class GRMHead(ContextHead):
    """Any mmseg decode head with ``GraphReasoningMapping`` before its pixel classifier.

    ``dict(type='GRMHead', head=dict(type='ASPPHead', ...), graph='voc')`` is the ASPPHead of that
    config with a submodule ``grm``; a checkpoint of the plain head loads with only ``grm.*``
    missing. See :class:`ContextHead` for what stays and what is added, docs/grm_head.md for the
    heads that work.

    The classes of the graph must be those of the head, in label order, with or without a
    background in front: ``num_classes`` of the head is C or C + 1.

    Args:
        head (dict): Config of the decode head.
        graph (ClassGraph | str): Class graph, see ``GraphReasoningMapping``. Defaults to 'voc'.
        loss_coarse_weight (float): Weight of ``loss_coarse``, which ``nodes='coarse'`` adds.
            Defaults to 0.4.
        **grm_kwargs: Further arguments of ``GraphReasoningMapping`` but ``in_channels`` and
            ``num_classes``, which come from the head.

    Raises:
        ValueError: The head has no pixel classifier, or the graph does not fit its classes.
    """

    inserted_name = 'grm'

    def __init__(self,
                 head: Dict[str, Any],
                 graph: Union[ClassGraph, str, PathLike] = 'voc',
                 loss_coarse_weight: float = 0.4,
                 **grm_kwargs) -> None:
        context = dict(type='GraphReasoningMapping', graph=graph, **grm_kwargs)
        super().__init__(head, context, loss_coarse_weight)

    @classmethod
    def _find_network(cls, head: Optional[Dict[str, Any]] = None, *args, **kwargs) -> type:
        head_class = super()._find_network(head, *args, **kwargs)
        if issubclass(head_class, STDCHead):
            raise unfit_error(
                cls, head_class, 'its labels are boundaries, which no class graph knows',
                'wrap the decode head of the model, which sees the classes')
        return head_class
