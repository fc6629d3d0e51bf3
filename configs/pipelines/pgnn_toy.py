# P-GNN on rendered scenes: its classifier, boundary network, DeepLabV2 whose labels are updated.
_base_ = './grm_toy.py'
title = 'P-GNN on the toy set'
stages = dict(
    graph=None,
    classifier=dict(
        title='P-GNN classifier: patch graph, soft-complementary loss',
        train='configs/pgnn/pgnn_r18_toy.py'),
    recam=None,
    maps=dict(
        test='configs/pgnn/pgnn_r18_toy.py', inputs=dict(checkpoint='{classifier.checkpoint}')),
    segmentation=dict(
        title='segmentation network, its labels updated as it trains',
        train='configs/mc/deeplabv2_r18_mc_toy.py'),
    test=dict(test='configs/mc/deeplabv2_r18_mc_toy.py'))
