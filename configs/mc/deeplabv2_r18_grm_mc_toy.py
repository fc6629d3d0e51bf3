# The toy set with GRM: updates after each epoch from training's own predictions.
_base_ = '../grm/deeplabv2_r18_grm_toy.py'
custom_hooks = _base_.custom_hooks + [
    dict(type='MutualComplementaryHook', masks='SegmentationClass')
]
