# P-GNN on a small real set, for CPUs; top-k pooling, which is the better one there.
_base_ = ['../_base_/pipelines/pgnn.py', '../_base_/pipelines/vocmini.py']
title = 'P-GNN on the small VOC-shaped set'
all = dict(test_dataloader=dict(dataset=dict(ann_file='ImageSets/Segmentation/train_aug.txt')))
stages = dict(
    classifier=dict(train='configs/pgnn/pgnn_effnetlite0_topk_vocmini.py'),
    maps=dict(test='configs/pgnn/pgnn_effnetlite0_topk_vocmini.py', options=all),
    seeds=dict(test='configs/irn/seeds_vocmini.py', options=all),
    boundary=dict(
        train='configs/irn/irn_effnetlite0_vocmini.py',
        options=dict(train_dataloader=all['test_dataloader'])),
    walk=dict(test='configs/irn/irn_effnetlite0_vocmini.py', options=all),
    segmentation=dict(train='configs/mc/deeplabv2_effnetlite0_mc_vocmini.py'),
    test=dict(test='configs/mc/deeplabv2_effnetlite0_mc_vocmini.py'))
