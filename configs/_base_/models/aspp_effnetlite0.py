# EfficientNet-Lite0 (frozen) at output stride 16 with a small DeepLabV2 head, one scale: for CPUs.
# ImageNet weights: tools/convert_efficientnet_lite.py (RGB, mean and std 127.5).
# MMWSSS_WEIGHTS: folder of efficientnet_lite0.pth. MMWSSS_FEATURES: where to keep features of the
# trunk for other heads that are trained with the same seed (docs/ablations.md), 'none': nowhere.
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
        size=(192, 192)),
    backbone=dict(
        type='FrozenTIMMBackbone',
        model_name='tf_efficientnet_lite0',
        out_indices=(3, 4),
        output_stride=16,
        frozen_stages=4,
        norm_eval=True,
        feature_cache='{{$MMWSSS_FEATURES:none}}',
        init_cfg=dict(
            type='Pretrained', checkpoint='{{$MMWSSS_WEIGHTS:weights}}/efficientnet_lite0.pth')),
    decode_head=dict(
        type='DeepLabV2Head',
        in_channels=[112, 320],
        in_index=[0, 1],
        input_transform='resize_concat',
        channels=128,
        dilations=(1, 3, 6),
        dropout_ratio=0.1,
        num_classes=num_classes,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True)),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'))
