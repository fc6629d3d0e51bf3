# The toy set with GRM: an update by a pass over the images after each epoch.
_base_ = '../grm/deeplabv2_r18_grm_toy.py'
custom_hooks = _base_.custom_hooks + [
    dict(type='MutualComplementaryHook', masks='SegmentationClass')
]
