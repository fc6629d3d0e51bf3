# The GRM paper's method on a small real set, for CPUs.
_base_ = ['../_base_/pipelines/wsss.py', '../_base_/pipelines/vocmini.py']
title = 'GRM on the small VOC-shaped set'
all = dict(test_dataloader=dict(dataset=dict(ann_file='ImageSets/Segmentation/train_aug.txt')))
# bfloat16 where the processor has it: a quarter of the time, mIoU of maps within 0.1.
fast = dict(all, test_cfg=dict(fp16=True))
stages = dict(
    classifier=dict(train='configs/gcn_cam/gcn-cam_effnetlite0_vocmini.py'),
    recam=dict(train='configs/gcn_cam/recam_gcn_effnetlite0_vocmini.py'),
    maps=dict(test='configs/gcn_cam/recam_gcn_effnetlite0_vocmini.py', options=fast),
    seeds=dict(test='configs/irn/seeds_vocmini.py', options=all),
    boundary=dict(
        train='configs/irn/irn_effnetlite0_vocmini.py',
        options=dict(train_dataloader=all['test_dataloader'])),
    walk=dict(test='configs/irn/irn_effnetlite0_vocmini.py', options=all),
    segmentation=dict(train='configs/grm/deeplabv2_effnetlite0_grm_vocmini.py'),
    test=dict(test='configs/grm/deeplabv2_effnetlite0_grm_vocmini.py'))
