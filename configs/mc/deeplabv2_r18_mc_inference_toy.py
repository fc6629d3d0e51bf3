# The toy set: an update by a pass over the images after each epoch.
_base_ = '../grm/deeplabv2_r18_aspp_toy.py'
custom_hooks = _base_.custom_hooks + [
    dict(type='MutualComplementaryHook', source='inference', masks='SegmentationClass')
]
