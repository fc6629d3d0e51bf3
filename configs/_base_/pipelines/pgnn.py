# P-GNN's classifier instead of GCN and ReCAM; labels are updated while the segmentation network
# trains (mutual-complementary).
_base_ = './wsss.py'
stages = dict(
    graph=None,
    classifier=dict(title='P-GNN classifier: patch graph, soft-complementary loss'),
    recam=None,
    maps=dict(inputs=dict(checkpoint='{classifier.checkpoint}')),
    segmentation=dict(title='segmentation network, its labels updated as it trains'))
