# The edge branch on the narrow ResNet-18 of the toy classifiers, whose weights it takes.
_base_ = './boundary_r50.py'
model = dict(
    data_preprocessor=dict(
        mean=[127.5, 127.5, 127.5], std=[127.5, 127.5, 127.5], size=(96, 96), test_cfg=None),
    backbone=dict(
        _delete_=True,
        type='ResNet',
        depth=18,
        stem_channels=16,
        base_channels=16,
        out_indices=(0, 1, 2, 3),
        strides=(1, 2, 1, 1),
        dilations=(1, 1, 1, 1)),
    radius=5,
    pairs='all',
    walk=dict(store='{{$MMWSSS_ACTIVATIONS:work_dirs/cam_r18_toy/activations}}'))
