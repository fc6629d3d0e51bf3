# Table 5 on the small set: the published GRM at the end of the trunk, none after the ASPP. The trunk
# stays frozen, the mapping in it learns; stages=(1, ), (2, ) or (3, ) are the other positions.
_base_ = './deeplabv2_effnetlite0_aspp_vocmini.py'
model = dict(
    backbone=dict(
        _delete_=True,
        type='GRMBackbone',
        stages=(4, ),
        graph='voc',
        mode='reference',
        backbone=dict(_base_.model.backbone, feature_cache=None)))
