# P-GNN on a small real set, for CPUs. Its thresholds are those of ReCAM's maps, not its own; the whole
# was not run yet (docs/pgnn.md).
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
    segmentation=dict(
        title='segmentation network, its labels updated as it trains',
        train='configs/mc/deeplabv2_effnetlite0_mc_vocmini.py'),
    test=dict(test='configs/mc/deeplabv2_effnetlite0_mc_vocmini.py'))
