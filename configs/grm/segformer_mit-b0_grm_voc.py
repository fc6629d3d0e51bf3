# SegFormer-B0 of MMSegmentation with GRM before its classifier.
_base_ = [
    'mmseg::_base_/models/segformer_mit-b0.py', '../_base_/datasets/voc12_512.py',
    '../_base_/schedules/adamw_20k.py', '../_base_/default_runtime.py'
]
checkpoint = 'https://download.openmmlab.com/mmsegmentation/v0.5/pretrain/segformer/mit_b0_20220624-7e0fe6dd.pth'  # noqa
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=checkpoint)),
    decode_head=dict(
        _delete_=True,
        type='GRMHead',
        graph='voc',
        head=dict(_base_.model.decode_head, num_classes=21)))
optim_wrapper = dict(paramwise_cfg=dict(custom_keys={'head': dict(lr_mult=10.)}))
