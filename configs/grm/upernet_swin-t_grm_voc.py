# UPerNet on Swin-T of MMSegmentation with GRM before its classifier.
_base_ = [
    'mmseg::_base_/models/upernet_swin.py', '../_base_/datasets/voc12_512.py',
    '../_base_/schedules/adamw_20k.py', '../_base_/default_runtime.py'
]
checkpoint = 'https://download.openmmlab.com/mmsegmentation/v0.5/pretrain/swin/swin_tiny_patch4_window7_224_20220317-1cdeb081.pth'  # noqa
model = dict(
    pretrained=None,
    data_preprocessor=dict(size=_base_.crop_size),
    backbone=dict(
        drop_path_rate=0.3, init_cfg=dict(type='Pretrained', checkpoint=checkpoint)),
    decode_head=dict(
        _delete_=True,
        type='GRMHead',
        graph='voc',
        head=dict(_base_.model.decode_head, num_classes=21)),
    auxiliary_head=dict(num_classes=21))
