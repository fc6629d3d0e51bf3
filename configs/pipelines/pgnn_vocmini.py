# P-GNN on a small real set, for CPUs. Its thresholds are those of the same loss without the graph; the
# whole was not run yet. recommended_vocmini.py measured better (docs/results.md).
_base_ = './grm_vocmini.py'
title = 'P-GNN on the small VOC-shaped set'
stages = dict(
    graph=None,
    classifier=dict(
        title='P-GNN classifier: patch graph, soft-complementary loss',
        train='configs/pgnn/pgnn_effnetlite0_vocmini.py'),
    recam=None,
    maps=dict(
        test='configs/pgnn/pgnn_effnetlite0_vocmini.py',
        inputs=dict(checkpoint='{classifier.checkpoint}')),
    seeds=dict(test='configs/irn/seeds_sc_vocmini.py'),
    boundary=dict(train='configs/irn/irn_effnetlite0_sc_vocmini.py'),
    walk=dict(test='configs/irn/irn_effnetlite0_sc_vocmini.py'),
    segmentation=dict(
        title='segmentation network, its labels updated as it trains',
        train='configs/mc/deeplabv2_effnetlite0_mc_vocmini.py'),
    test=dict(test='configs/mc/deeplabv2_effnetlite0_mc_vocmini.py'))
