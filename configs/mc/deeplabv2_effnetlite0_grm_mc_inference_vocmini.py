# The small set with GRM: updates by a pass over the images after each epoch.
_base_ = '../grm/deeplabv2_effnetlite0_grm_vocmini.py'
custom_hooks = _base_.custom_hooks + [
    dict(type='MutualComplementaryHook', source='inference', masks='SegmentationClassAug')
]
