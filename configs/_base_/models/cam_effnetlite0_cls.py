# EfficientNet-Lite0 at output stride 16: for CPUs. The first two stages and all batch norm
# statistics are frozen, the rest is trained.
# ImageNet weights: tools/convert_efficientnet_lite.py. MMWSSS_WEIGHTS: their folder.
_base_ = './cam_r50_cls.py'
model = dict(
    data_preprocessor=dict(mean=[127.5, 127.5, 127.5], std=[127.5, 127.5, 127.5]),
    backbone=dict(
        _delete_=True,
        type='FrozenTIMMBackbone',
        model_name='tf_efficientnet_lite0',
        out_indices=(4, ),
        output_stride=16,
        frozen_stages=2,
        norm_eval=True,
        channels_last=True,
        split_dilated=True,
        init_cfg=dict(
            type='Pretrained', checkpoint='{{$MMWSSS_WEIGHTS:weights}}/efficientnet_lite0.pth')),
    head=dict(in_channels=320))
