# DeepLabV2 + GRM on VOC; training's own predictions update the labels.
_base_ = '../grm/deeplabv2_r101_grm_voc.py'
custom_hooks = _base_.custom_hooks + [
    dict(type='MutualComplementaryHook', masks='SegmentationClassAug')
]
