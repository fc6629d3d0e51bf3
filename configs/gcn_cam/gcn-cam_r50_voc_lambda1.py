# A graph branch that counts as much as the main one.
_base_ = './gcn-cam_r50_voc.py'
model = dict(head=dict(loss_graph_weight=1.))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/gcn-cam_r50_voc_lambda1/activations'))
test_evaluator = dict(out='work_dirs/gcn-cam_r50_voc_lambda1/activations')
