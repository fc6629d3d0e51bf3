# The small set with GRM; Eq. 11 to the letter: every prediction of a pass counts.
_base_ = '../grm/deeplabv2_effnetlite0_grm_vocmini.py'
custom_hooks = _base_.custom_hooks + [
    dict(type='MutualComplementaryHook', source='inference', image_classes=None,
         min_confidence=None, masks='SegmentationClassAug')
]
