# DeepLabV2 on VOC; Eq. 11 to the letter: a pass after each epoch, every prediction counts.
_base_ = '../grm/deeplabv2_r101_aspp256_voc.py'
custom_hooks = _base_.custom_hooks + [
    dict(type='MutualComplementaryHook', source='inference', image_classes=None,
         min_confidence=None, masks='SegmentationClassAug')
]
