# Control: no graph, the adjacency is the identity.
_base_ = './gcn-cam_r50_voc.py'
model = dict(head=dict(adjacency='identity'))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/gcn-cam_r50_voc_identity/activations'))
test_evaluator = dict(out='work_dirs/gcn-cam_r50_voc_identity/activations')
