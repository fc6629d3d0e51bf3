# The baseline on PASCAL VOC 2012: CAM, ReCAM, IRN, DeepLabV2-ResNet-101 without any graph.
_base_ = ['../_base_/pipelines/recam.py', '../_base_/pipelines/voc.py']
title = 'ReCAM on PASCAL VOC 2012'
stages = dict(
    classifier=dict(train='configs/recam/cam_r50_voc.py'),
    recam=dict(train='configs/recam/recam_r50_voc.py'),
    maps=dict(test='configs/recam/recam_r50_voc.py'),
    seeds=dict(test='configs/irn/seeds_voc.py'),
    boundary=dict(train='configs/irn/irn_r50_voc.py'),
    walk=dict(test='configs/irn/irn_r50_voc.py'),
    segmentation=dict(train='configs/grm/deeplabv2_r101_aspp256_voc.py'),
    test=dict(
        test='configs/grm/deeplabv2_r101_aspp256_voc.py',
        args=['--out', '{predictions}', '--crf', 'deeplab']))
