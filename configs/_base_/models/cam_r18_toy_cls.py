# A narrow ResNet-18 at output stride 8, from scratch, with all of it trained.
_base_ = './cam_r50_cls.py'
model = dict(
    data_preprocessor=dict(mean=[127.5, 127.5, 127.5], std=[127.5, 127.5, 127.5]),
    backbone=dict(
        _delete_=True,
        type='ResNet',
        depth=18,
        stem_channels=16,
        base_channels=16,
        strides=(1, 2, 1, 1)),
    head=dict(in_channels=128),
    test_cam=dict(scales=(1.0, ), flip=True))
