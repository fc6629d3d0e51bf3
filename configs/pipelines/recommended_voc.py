# The chain that measured best on the small set (recommended_vocmini.py), on PASCAL VOC 2012 with
# ResNet-50 and -101. Not measured there: search the thresholds of seeds and walk
# (docs/pseudo_labels.md).
_base_ = [
    '../_base_/pipelines/pgnn.py', '../_base_/pipelines/voc.py',
    '../_base_/pipelines/second_round.py'
]
title = 'What measured best on a small set, on PASCAL VOC 2012'
stages = dict(
    classifier=dict(
        title='classifier: CAM with the soft-complementary loss',
        train='configs/pgnn/pgnn_r50_cam_sc_voc.py'),
    maps=dict(test='configs/pgnn/pgnn_r50_cam_sc_voc.py'),
    seeds=dict(test='configs/irn/seeds_voc.py'),
    boundary=dict(train='configs/irn/irn_r50_voc.py'),
    walk=dict(test='configs/irn/irn_r50_voc.py'),
    segmentation=dict(train='configs/mc/deeplabv2_r101_mc_voc.py'),
    relabel=dict(_base_.relabel, test='configs/retrain/labels_deeplabv2_r101_threshold_voc.py'),
    retrain=dict(_base_.retrain, train='configs/mc/deeplabv2_r101_mc_voc.py'),
    test=dict(
        title='test on images with masks, dense CRF',
        test='configs/mc/deeplabv2_r101_mc_voc.py',
        inputs=dict(checkpoint='{retrain.checkpoint}'),
        args=['--out', '{predictions}', '--crf', 'deeplab']))
