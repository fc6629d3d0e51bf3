# The GRM paper's method on COCO 2014: 81 classes.
_base_ = ['../_base_/pipelines/wsss.py', '../_base_/pipelines/coco.py']
title = 'GRM on COCO 2014'
stages = dict(
    classifier=dict(train='configs/gcn_cam/gcn-cam_r50_coco.py'),
    recam=dict(train='configs/gcn_cam/recam_gcn_r50_coco.py'),
    maps=dict(test='configs/gcn_cam/recam_gcn_r50_coco.py'),
    seeds=dict(test='configs/irn/seeds_coco.py'),
    boundary=dict(train='configs/irn/irn_r50_coco.py'),
    walk=dict(test='configs/irn/irn_r50_coco.py'),
    segmentation=dict(train='configs/grm/deeplabv2_r101_grm_coco.py'),
    test=dict(
        test='configs/grm/deeplabv2_r101_grm_coco.py',
        inputs=dict(images='{data.val_images}'),
        args=['--out', '{predictions}', '--crf', 'deeplab']))
