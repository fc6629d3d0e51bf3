# DeepLab-LargeFOV (VGG-16) on VOC; after each epoch training's own predictions update the labels.
_base_ = '../deeplabv2/deeplabv2_vgg16_largefov_voc.py'
custom_hooks = _base_.custom_hooks + [
    dict(type='MutualComplementaryHook', masks='SegmentationClassAug')
]
