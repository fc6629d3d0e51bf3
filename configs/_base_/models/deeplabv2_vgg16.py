# DeepLab-LargeFOV on VGG-16, output stride 8, one scale.
# ImageNet weights: torchvision://vgg16 (RGB); fc6 and fc7 start from N(0, 0.01).
num_classes = 21
model = dict(
    type='MSCEncoderDecoder',
    scales=(1.0, ),
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255,
        size=(321, 321)),
    backbone=dict(
        type='VGGLargeFOV',
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://vgg16')),
    decode_head=dict(
        type='LargeFOVHead',
        in_channels=512,
        channels=1024,
        dilation=12,
        num_classes=num_classes,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True)),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'))
