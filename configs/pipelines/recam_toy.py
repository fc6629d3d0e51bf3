# The baseline on rendered scenes: CAM, ReCAM, boundary network, DeepLabV2.
_base_ = './grm_toy.py'
title = 'ReCAM on the toy set'
stages = dict(
    graph=None,
    classifier=dict(train='configs/recam/cam_r18_toy.py'),
    segmentation=dict(train='configs/grm/deeplabv2_r18_aspp_toy.py'),
    test=dict(test='configs/grm/deeplabv2_r18_aspp_toy.py'))
