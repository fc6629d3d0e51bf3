# The small set with GRM: updates after 224 and 448 of 500 iterations, by a pass over the images.
_base_ = '../grm/deeplabv2_effnetlite0_grm_vocmini.py'
custom_hooks = _base_.custom_hooks + [
    dict(type='MutualComplementaryHook', masks='SegmentationClassAug')
]
