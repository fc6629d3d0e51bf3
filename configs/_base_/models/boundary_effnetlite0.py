# IRN's edge branch on all five stages of a frozen EfficientNet-Lite0: for CPUs.
# ImageNet weights: tools/convert_efficientnet_lite.py. MMWSSS_WEIGHTS: their folder.
_base_ = './boundary_r50.py'
model = dict(
    data_preprocessor=dict(
        mean=[127.5, 127.5, 127.5], std=[127.5, 127.5, 127.5], size=(256, 256), test_cfg=None),
    backbone=dict(
        _delete_=True,
        type='FrozenTIMMBackbone',
        model_name='tf_efficientnet_lite0',
        out_indices=(0, 1, 2, 3, 4),
        output_stride=16,
        frozen_stages=4,
        channels_last=True,
        split_dilated=True,
        init_cfg=dict(
            type='Pretrained', checkpoint='{{$MMWSSS_WEIGHTS:weights}}/efficientnet_lite0.pth')),
    stem=None,
    pairs='all',
    # Not the 256 steps of IRN, which were meant for images of 500 pixels (docs/results.md).
    walk=dict(
        steps=64,
        store='{{$MMWSSS_ACTIVATIONS:work_dirs/recam_effnetlite0_vocmini/activations}}'))
