# The GRM paper's method on rendered scenes, from scratch: about five minutes on two cores.
_base_ = ['../_base_/pipelines/wsss.py', '../_base_/pipelines/toy.py']
title = 'GRM on the toy set'
stages = dict(
    classifier=dict(
        train='configs/gcn_cam/gcn-cam_r18_toy.py',
        iterations=400,
        key_figure=dict(metric='seed/mIoU', name='val mIoU of maps', unit='%')),
    recam=dict(
        train='configs/recam/recam_r18_toy.py',
        key_figure=dict(metric='seed/mIoU', name='val mIoU of maps', unit='%')),
    maps=dict(test='configs/recam/recam_r18_toy.py'),
    seeds=dict(
        test='configs/irn/seeds_toy.py',
        options={
            'test_evaluator.0.rule.foreground': 0.6,
            'test_evaluator.0.rule.background': 0.4
        }),
    boundary=dict(
        train='configs/irn/irn_r18_toy.py',
        inputs=dict(start='{classifier.checkpoint}'),
        options=dict(load_from='{start}')),
    walk=dict(test='configs/irn/irn_r18_toy.py'),
    segmentation=dict(train='configs/grm/deeplabv2_r18_grm_toy.py'),
    test=dict(test='configs/grm/deeplabv2_r18_grm_toy.py'))
