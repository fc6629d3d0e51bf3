# DeepLabV2 + GRM on COCO 2014; training's own predictions update the labels.
_base_ = '../grm/deeplabv2_r101_grm_coco.py'
custom_hooks = _base_.custom_hooks + [
    dict(type='MutualComplementaryHook', masks='masks_train2014')
]
