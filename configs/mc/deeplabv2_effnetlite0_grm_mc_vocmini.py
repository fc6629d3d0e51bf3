# The small set with GRM: updates from training's own predictions.
_base_ = '../grm/deeplabv2_effnetlite0_grm_vocmini.py'
custom_hooks = _base_.custom_hooks + [
    dict(type='MutualComplementaryHook', masks='SegmentationClassAug')
]
