# P-GNN on PASCAL VOC 2012 with ResNet-101: its classifier, IRN, DeepLabV2 whose labels are updated.
_base_ = ['../_base_/pipelines/pgnn.py', '../_base_/pipelines/voc.py']
title = 'P-GNN on PASCAL VOC 2012'
stages = dict(
    classifier=dict(train='configs/pgnn/pgnn_r101_voc.py'),
    maps=dict(test='configs/pgnn/pgnn_r101_voc.py'),
    seeds=dict(test='configs/irn/seeds_voc.py'),
    boundary=dict(train='configs/irn/irn_r50_voc.py'),
    walk=dict(test='configs/irn/irn_r50_voc.py'),
    segmentation=dict(train='configs/mc/deeplabv2_r101_mc_voc.py'),
    test=dict(
        test='configs/mc/deeplabv2_r101_mc_voc.py',
        args=['--out', '{predictions}', '--crf', 'deeplab']))
