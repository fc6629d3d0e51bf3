# The GRM paper's method on rendered scenes, from scratch.
_base_ = ['../_base_/pipelines/wsss.py', '../_base_/pipelines/toy.py']
title = 'GRM on the toy set'
# Objects here are not much wider than edges at stride 4: walks are short and start from the maps
# themselves. Maps are wide; a CRF draws the outlines.
walk = dict(model=dict(walk=dict(beta=20, steps=16, suppress_edges=False)))
# No weights are downloaded: the segmentation network starts from the classifier's trunk.
trunk = dict(model=dict(backbone=dict(type='ResNet')))
stages = dict(
    classifier=dict(
        train='configs/gcn_cam/gcn-cam_r18_toy.py',
        iterations=800,
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
        iterations=240,
        options=dict(walk, load_from='{start}')),
    walk=dict(
        test='configs/irn/irn_r18_toy.py',
        options={
            **walk,
            'test_evaluator.0.rule.threshold': 0.55,
            'test_evaluator.0.crf': 'irn'
        }),
    segmentation=dict(
        train='configs/grm/deeplabv2_r18_grm_toy.py',
        inputs=dict(start='{classifier.checkpoint}'),
        iterations=800,
        options=dict(trunk, load_from='{start}')),
    test=dict(test='configs/grm/deeplabv2_r18_grm_toy.py', options=trunk))
