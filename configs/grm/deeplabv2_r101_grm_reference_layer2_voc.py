# Table 5: the published GRM after layer-2 of the ResNet, none after the ASPP.
_base_ = './deeplabv2_r101_aspp256_voc.py'
model = dict(
    backbone=dict(
        _delete_=True,
        type='GRMBackbone',
        stages=(2, ),
        graph='voc',
        mode='reference',
        backbone=_base_.model.backbone))
