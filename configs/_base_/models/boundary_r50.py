# IRN's edge branch on a frozen ResNet-50 at output stride 16. Images smaller than the crop are
# padded for testing too, so that GroupNorm sees what it saw in training.
# MMWSSS_ACTIVATIONS: store of the activation maps to be walked.
model = dict(
    type='BoundaryNet',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255,
        size=(512, 512),
        test_cfg=dict(size=(512, 512))),
    backbone=dict(
        type='ResNet',
        depth=50,
        out_indices=(0, 1, 2, 3),
        strides=(1, 2, 2, 1),
        dilations=(1, 1, 1, 1),
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50')),
    stem='maxpool',
    channels=32,
    groups=4,
    radius=10,
    pairs='inner',
    walk=dict(
        store='{{$MMWSSS_ACTIVATIONS:work_dirs/recam_r50_voc/activations}}',
        radius=5,
        beta=10,
        steps=256))
