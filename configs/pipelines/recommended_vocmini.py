# The chain with the best figures of docs/results.md: log-sum-exp pooling, ReCAM, walk, careful label
# updates, dense CRF at test time; no class graph.
_base_ = './recam_vocmini.py'
title = 'What measured best, on the small VOC-shaped set'
stages = dict(
    classifier=dict(train='configs/recam/cam_effnetlite0_lse_vocmini.py'),
    recam=dict(train='configs/recam/recam_effnetlite0_lse_vocmini.py'),
    maps=dict(test='configs/recam/recam_effnetlite0_lse_vocmini.py'),
    segmentation=dict(
        title='segmentation network, its labels updated as it trains',
        train='configs/mc/deeplabv2_effnetlite0_mc_vocmini.py'),
    test=dict(
        title='test on images with masks, dense CRF',
        test='configs/mc/deeplabv2_effnetlite0_mc_vocmini.py',
        args=['--out', '{predictions}', '--crf', 'deeplab']))
