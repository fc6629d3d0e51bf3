# A branch that can matter: scaled graph, lambda 1, maps from both classifiers.
_base_ = './gcn-cam_r50_voc.py'
model = dict(head=dict(adjacency='zero_diag', loss_graph_weight=1., cam_from='sum'))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/gcn-cam_r50_voc_sum/activations'))
test_evaluator = dict(out='work_dirs/gcn-cam_r50_voc_sum/activations')
