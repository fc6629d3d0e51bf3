# P-GNN on COCO 2014 with ResNet-101: its classifier, IRN, DeepLabV2 whose labels are updated.
_base_ = ['../_base_/pipelines/pgnn.py', '../_base_/pipelines/coco.py']
title = 'P-GNN on COCO 2014'
stages = dict(
    classifier=dict(train='configs/pgnn/pgnn_r101_coco.py'),
    maps=dict(test='configs/pgnn/pgnn_r101_coco.py'),
    seeds=dict(test='configs/irn/seeds_coco.py'),
    boundary=dict(train='configs/irn/irn_r50_coco.py'),
    walk=dict(test='configs/irn/irn_r50_coco.py'),
    segmentation=dict(train='configs/mc/deeplabv2_r101_mc_coco.py'),
    test=dict(
        test='configs/mc/deeplabv2_r101_mc_coco.py',
        inputs=dict(images='{data.val_images}'),
        args=['--out', '{predictions}', '--crf', 'deeplab']))
