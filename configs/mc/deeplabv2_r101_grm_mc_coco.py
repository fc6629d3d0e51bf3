# DeepLabV2 + GRM on COCO 2014; labels are updated from training's own predictions.
_base_ = '../grm/deeplabv2_r101_grm_coco.py'
custom_hooks = _base_.custom_hooks + [
    dict(type='MutualComplementaryHook', source='online', masks='masks_train2014')
]
