"""Every decode head of mmseg, tiny, with inputs that fit it."""
from dataclasses import dataclass, field
from typing import Callable, Dict, List, Optional, Tuple

import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import Tensor

K = 6  # classes: background and the five of ``small_graph``
NORM = dict(type='BN')
CE = dict(type='CrossEntropyLoss')
OHEM = dict(type='OhemCrossEntropy', thres=0.9, min_kept=10)

Maps = List[Tensor]


def maps(*shapes: Tuple[int, int]) -> Callable[[], Maps]:
    """Feature maps of (channels, size), always the same values."""
    def make() -> Maps:
        generator = torch.Generator().manual_seed(1)
        return [torch.randn(2, channels, size, size, generator=generator)
                for channels, size in shapes]
    return make


@dataclass
class HeadCase:
    """A head's config and how to call it."""

    cfg: dict
    inputs: Callable[[], Maps] = field(default_factory=lambda: maps((8, 16)))
    # DDRHead and PIDHead take other inputs in training, and return several maps.
    train_inputs: Optional[Callable[[], object]] = None
    cascade: bool = False
    # Which of the outputs the pixel classifier made; None if the head returns just that.
    main: Optional[int] = None
    train_main: Optional[int] = None
    num_classes: int = K
    # Compiled operators that the head needs (mmcv.ops), missing in some builds of mmcv.
    ops: Tuple[str, ...] = ()

    def __post_init__(self):
        defaults = dict(num_classes=self.num_classes, channels=4)
        if self.cfg['type'] != 'IterativeDecodeHead':
            self.cfg = {**defaults, **self.cfg}

    def arguments(self, training: bool = False) -> tuple:
        make = self.train_inputs if training and self.train_inputs else self.inputs
        previous = (maps((self.num_classes, 16))()[0], ) if self.cascade else ()
        return (make(), *previous)

    def loss(self, head, samples) -> Dict[str, Tensor]:
        return head.loss(*self.arguments(head.training), samples, dict())

    def main_output(self, head) -> Tensor:
        torch.manual_seed(0)  # LightHamHead draws its bases anew in each pass
        outputs = head(*self.arguments(head.training))
        index = self.train_main if head.training else self.main
        return outputs if index is None else outputs[index]


def samples(num_classes: int = K, size: int = 32) -> List[SegDataSample]:
    """Two samples with labels of all classes and some ignored pixels."""
    generator = torch.Generator().manual_seed(2)
    result = []
    for _ in range(2):
        labels = torch.randint(0, num_classes, (1, size, size), generator=generator)
        labels[:, :3] = 255
        edges = torch.randint(0, 2, (1, size, size), generator=generator)
        result.append(SegDataSample(
            gt_sem_seg=PixelData(data=labels), gt_edge_map=PixelData(data=edges),
            metainfo=dict(img_shape=(size, size), ori_shape=(size, size))))
    return result


def two(**kwargs) -> dict:
    """Config of a head on two maps of 8 channels."""
    return dict(in_channels=[8, 8], in_index=[0, 1], norm_cfg=NORM, **kwargs)


def one(**kwargs) -> dict:
    """Config of a head on one map of 8 channels."""
    return dict(in_channels=8, norm_cfg=NORM, **kwargs)


TWO_MAPS = maps((8, 16), (8, 8))


def _dpt_inputs():
    tokens = maps((8, 1))()[0].flatten(1)
    return [(feature, tokens) for feature in maps(*[(8, 4)] * 4)()]


KNET_GENERATE = one(type='FCNHead', num_classes=K, channels=8, num_convs=1, concat_input=False)
KNET_UPDATE = dict(
    type='KernelUpdateHead', num_classes=K, num_ffn_fcs=2, num_heads=2, num_mask_fcs=1,
    feedforward_channels=8, in_channels=8, out_channels=8, dropout=0.0, conv_kernel_size=1,
    ffn_act_cfg=dict(type='ReLU', inplace=True), with_ffn=True,
    feat_transform_cfg=dict(conv_cfg=dict(type='Conv2d'), act_cfg=None),
    kernel_updator_cfg=dict(
        type='KernelUpdator', in_channels=8, feat_channels=8, out_channels=8,
        act_cfg=dict(type='ReLU', inplace=True), norm_cfg=dict(type='LN')))

# Heads that a context module can be put into.
FIT: Dict[str, HeadCase] = {
    'ANNHead': HeadCase(two(type='ANNHead', project_channels=2), TWO_MAPS),
    'APCHead': HeadCase(one(type='APCHead', pool_scales=(1, 2))),
    'ASPPHead': HeadCase(one(type='ASPPHead', dilations=(1, 2))),
    'CCHead': HeadCase(one(type='CCHead', channels=8), ops=('CrissCrossAttention', )),
    'DAHead': HeadCase(one(type='DAHead', pam_channels=2), main=0, train_main=0),
    'DDRHead': HeadCase(
        one(type='DDRHead', loss_decode=[OHEM, OHEM]), lambda: maps((8, 16))()[0],
        train_inputs=maps((4, 16), (8, 8)), train_main=0),
    'DMHead': HeadCase(one(type='DMHead', filter_sizes=(1, 3))),
    'DNLHead': HeadCase(one(type='DNLHead')),
    'DPTHead': HeadCase(
        dict(type='DPTHead', in_channels=[8] * 4, in_index=[0, 1, 2, 3], embed_dims=8,
             input_transform='multiple_select', channels=8,
             post_process_channels=[4, 4, 4, 4], norm_cfg=NORM), _dpt_inputs),
    'DepthwiseSeparableASPPHead': HeadCase(
        one(type='DepthwiseSeparableASPPHead', dilations=(1, 2), c1_in_channels=4,
            c1_channels=2), maps((4, 16), (8, 8))),
    'DepthwiseSeparableFCNHead': HeadCase(one(type='DepthwiseSeparableFCNHead', num_convs=1)),
    'EMAHead': HeadCase(one(type='EMAHead', ema_channels=8, num_bases=4, num_stages=2)),
    'EncHead': HeadCase(two(type='EncHead', num_codes=4), TWO_MAPS, main=0, train_main=0),
    'FCNHead': HeadCase(one(type='FCNHead')),
    'FPNHead': HeadCase(two(type='FPNHead', feature_strides=[4, 8]), TWO_MAPS),
    'GCHead': HeadCase(one(type='GCHead')),
    'ISAHead': HeadCase(one(type='ISAHead', isa_channels=2, down_factor=(4, 4))),
    'LRASPPHead': HeadCase(
        dict(type='LRASPPHead', in_channels=(4, 4, 8), in_index=(0, 1, 2), norm_cfg=NORM,
             input_transform='multiple_select', branch_channels=(2, 2)),
        maps((4, 52), (4, 50), (8, 49))),
    'LightHamHead': HeadCase(
        two(type='LightHamHead', ham_channels=8,
            ham_kwargs=dict(MD_R=4, train_steps=2, eval_steps=2)), TWO_MAPS),
    'NLHead': HeadCase(one(type='NLHead')),
    'OCRHead': HeadCase(one(type='OCRHead', ocr_channels=2), cascade=True),
    'PIDHead': HeadCase(
        one(type='PIDHead', loss_decode=[CE, OHEM, dict(type='BoundaryLoss'), OHEM]),
        lambda: maps((8, 16))()[0], train_inputs=maps((4, 16), (8, 16), (4, 16)), train_main=1),
    'PSAHead': HeadCase(
        one(type='PSAHead', mask_size=(4, 4), compact=True, shrink_factor=1), maps((8, 4)),
        ops=('PSAMask', )),
    'PSPHead': HeadCase(one(type='PSPHead', pool_scales=(1, 2))),
    'SETRMLAHead': HeadCase(two(type='SETRMLAHead', channels=8, mla_channels=4),
                            maps((8, 4), (8, 4))),
    'SETRUPHead': HeadCase(one(type='SETRUPHead', norm_layer=dict(type='LN', eps=1e-6)),
                           maps((8, 4))),
    'STDCHead': HeadCase(one(type='STDCHead', num_convs=1), num_classes=2),
    'SegformerHead': HeadCase(two(type='SegformerHead'), TWO_MAPS),
    'UPerHead': HeadCase(two(type='UPerHead', pool_scales=(1, 2)), TWO_MAPS),
    # Ours.
    'DeepLabV2Head': HeadCase(dict(type='DeepLabV2Head', in_channels=8, dilations=(1, 2))),
    'LargeFOVHead': HeadCase(dict(type='LargeFOVHead', in_channels=8)),
}

# Heads without a pixel classifier: what the message must say.
UNFIT: Dict[str, str] = {
    'IterativeDecodeHead': 'kernel_generate_head',
    'KernelUpdateHead': 'kernel_generate_head',
    'Mask2FormerHead': 'mask queries',
    'MaskFormerHead': 'mask queries',
    'PointHead': 'points',
    'SegmenterMaskTransformerHead': 'class tokens',
    'SideAdapterCLIPHead': 'CLIP',
    'VPDDepthHead': 'depth',
}
