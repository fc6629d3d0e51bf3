# lambda 1, scaled co-occurrence, maps from both classifiers.
_base_ = './gcn-cam_effnetlite0_vocmini.py'
model = dict(head=dict(loss_graph_weight=1.0, graph='voc_cooccurrence', adjacency='zero_diag', cam_from='sum'))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/gcn-cam_effnetlite0_cooccurrence_sum_vocmini/activations'))
test_evaluator = dict(out='work_dirs/gcn-cam_effnetlite0_cooccurrence_sum_vocmini/activations')
