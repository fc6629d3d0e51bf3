# ResNet-50 at output stride 16 without dilation, stem and batch norm statistics frozen, as the
# published code of ReCAM and of the GRM paper has it; one 1x1 classifier without bias.
num_classes = 20
model = dict(
    type='CAMClassifier',
    data_preprocessor=dict(
        type='ClsDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        to_rgb=True),
    backbone=dict(
        type='ResNet',
        depth=50,
        strides=(1, 2, 2, 1),
        frozen_stages=0,
        norm_eval=True,
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50')),
    head=dict(type='CAMHead', num_classes=num_classes, in_channels=2048, pooling='gap'),
    test_cam=dict(scales=(1.0, 0.5, 1.5, 2.0), flip=True, stride=4),
    val_cam=dict(scales=(1.0, ), flip=False, stride=4))
