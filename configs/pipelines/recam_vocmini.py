# The baseline on a small real set, for CPUs.
_base_ = './grm_vocmini.py'
title = 'ReCAM on the small VOC-shaped set'
stages = dict(
    graph=None,
    classifier=dict(train='configs/recam/cam_effnetlite0_vocmini.py'),
    recam=dict(train='configs/recam/recam_effnetlite0_vocmini.py'),
    maps=dict(test='configs/recam/recam_effnetlite0_vocmini.py'),
    segmentation=dict(train='configs/grm/deeplabv2_effnetlite0_aspp_vocmini.py'),
    test=dict(test='configs/grm/deeplabv2_effnetlite0_aspp_vocmini.py'))
