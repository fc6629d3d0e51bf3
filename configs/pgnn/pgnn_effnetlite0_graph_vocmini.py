# P-GNN + l_c: patch graph over groups of three, classification loss only.
_base_ = './pgnn_effnetlite0_cam_vocmini.py'
model = dict(head=dict(context='graph', graph=dict(channels=128)))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_effnetlite0_graph_vocmini/activations'))
test_evaluator = dict(out='work_dirs/pgnn_effnetlite0_graph_vocmini/activations')
