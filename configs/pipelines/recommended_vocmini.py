# The chain with the best figures of docs/results.md: plain CAM trained with the soft-complementary
# loss, walk, careful label updates, a second round of both on the network's own labels, dense CRF at
# test; no graph.
_base_ = ['./pgnn_vocmini.py', '../_base_/pipelines/second_round.py']
title = 'What measured best, on the small VOC-shaped set'
stages = dict(
    classifier=dict(
        title='classifier: CAM with the soft-complementary loss',
        train='configs/pgnn/pgnn_effnetlite0_cam_sc_vocmini.py'),
    maps=dict(test='configs/pgnn/pgnn_effnetlite0_cam_sc_vocmini.py'),
    relabel=dict(_base_.relabel, test='configs/retrain/labels_aspp_threshold_effnetlite0_vocmini.py'),
    retrain=dict(_base_.retrain, train='configs/mc/deeplabv2_effnetlite0_mc_vocmini.py'),
    test=dict(
        title='test on images with masks, dense CRF',
        inputs=dict(checkpoint='{retrain.checkpoint}'),
        args=['--out', '{predictions}', '--crf', 'deeplab']))
