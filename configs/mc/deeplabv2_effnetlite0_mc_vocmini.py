# The small set: updates after 224 and 448 of 500 iterations from training's own predictions.
_base_ = '../grm/deeplabv2_effnetlite0_aspp_vocmini.py'
custom_hooks = _base_.custom_hooks + [
    dict(type='MutualComplementaryHook', masks='SegmentationClassAug')
]
