# P-GNN + l_c: patch graph over groups of three, classification loss only.
_base_ = './pgnn_effnetlite0_cam_vocmini.py'
model = dict(head=dict(context='graph', graph=dict(channels=128)))
# As fast as the trunk, not ten times as fast like the classifier after it (docs/results.md).
optim_wrapper = dict(paramwise_cfg=dict(custom_keys={
    'head.graph': dict(lr_mult=1.), 'head.vector': dict(lr_mult=1.)}))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_effnetlite0_graph_vocmini/activations'))
test_evaluator = dict(out='work_dirs/pgnn_effnetlite0_graph_vocmini/activations')
