# DeepLabV2 on ResNet-101, output stride 8, multi-scale max, ASPP to 256 channels, ReLU, 1x1.
# ImageNet weights: open-mmlab://detectron2/resnet101_caffe (BGR, no division by std).
num_classes = 21
model = dict(
    type='MSCEncoderDecoder',
    scales=(1.0, 0.75, 0.5),
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[103.530, 116.280, 123.675],
        std=[1.0, 1.0, 1.0],
        bgr_to_rgb=False,
        pad_val=0,
        seg_pad_val=255,
        size=(321, 321)),
    backbone=dict(
        type='ResNet',
        depth=101,
        num_stages=4,
        out_indices=(0, 1, 2, 3),
        strides=(1, 2, 1, 1),
        dilations=(1, 1, 2, 4),
        contract_dilation=False,
        norm_cfg=dict(type='BN', requires_grad=False),
        norm_eval=True,
        style='caffe',
        init_cfg=dict(
            type='Pretrained', checkpoint='open-mmlab://detectron2/resnet101_caffe')),
    decode_head=dict(
        type='DeepLabV2Head',
        in_channels=2048,
        in_index=3,
        channels=256,
        dilations=(6, 12, 18, 24),
        classifier_bias=False,
        num_classes=num_classes,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True)),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'))
