# lambda 1, co-occurrence instead of ConceptNet.
_base_ = './gcn-cam_effnetlite0_vocmini.py'
model = dict(head=dict(loss_graph_weight=1.0, graph='voc_cooccurrence'))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/gcn-cam_effnetlite0_cooccurrence_vocmini/activations'))
test_evaluator = dict(out='work_dirs/gcn-cam_effnetlite0_cooccurrence_vocmini/activations')
