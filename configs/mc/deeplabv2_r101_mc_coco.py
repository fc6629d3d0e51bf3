# DeepLabV2 on COCO 2014; after each epoch labels are updated from training's own predictions.
_base_ = '../grm/deeplabv2_r101_aspp256_coco.py'
custom_hooks = _base_.custom_hooks + [
    dict(type='MutualComplementaryHook', source='online', masks='masks_train2014')
]
