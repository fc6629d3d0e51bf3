# The small set: updates by a pass over the images after 224 and 448 of 500 iterations.
_base_ = '../grm/deeplabv2_effnetlite0_aspp_vocmini.py'
custom_hooks = _base_.custom_hooks + [
    dict(type='MutualComplementaryHook', source='inference', masks='SegmentationClassAug')
]
