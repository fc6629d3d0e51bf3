# A narrow ResNet-18 at output stride 8 with a small DeepLabV2 head, from scratch.
num_classes = 21
model = dict(
    type='MSCEncoderDecoder',
    scales=(1.0, ),
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[127.5, 127.5, 127.5],
        std=[127.5, 127.5, 127.5],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255,
        size=(96, 96)),
    backbone=dict(
        type='ResNetV1c',
        depth=18,
        stem_channels=16,
        base_channels=16,
        num_stages=4,
        out_indices=(3, ),
        strides=(1, 2, 1, 1),
        dilations=(1, 1, 2, 2),
        norm_cfg=dict(type='BN')),
    decode_head=dict(
        type='DeepLabV2Head',
        in_channels=128,
        channels=64,
        dilations=(1, 3, 6),
        num_classes=num_classes,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True)),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'))
