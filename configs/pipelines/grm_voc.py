# The GRM paper's method on PASCAL VOC 2012: GCN classifier, ReCAM, IRN, DeepLabV2-ResNet-101 + GRM.
_base_ = ['../_base_/pipelines/wsss.py', '../_base_/pipelines/voc.py']
title = 'GRM on PASCAL VOC 2012'
stages = dict(
    classifier=dict(train='configs/gcn_cam/gcn-cam_r50_voc.py'),
    recam=dict(train='configs/gcn_cam/recam_gcn_r50_voc.py'),
    maps=dict(test='configs/gcn_cam/recam_gcn_r50_voc.py'),
    seeds=dict(test='configs/irn/seeds_voc.py'),
    boundary=dict(train='configs/irn/irn_r50_voc.py'),
    walk=dict(test='configs/irn/irn_r50_voc.py'),
    segmentation=dict(train='configs/grm/deeplabv2_r101_grm_voc.py'),
    test=dict(
        test='configs/grm/deeplabv2_r101_grm_voc.py',
        args=['--out', '{predictions}', '--crf', 'deeplab']))
