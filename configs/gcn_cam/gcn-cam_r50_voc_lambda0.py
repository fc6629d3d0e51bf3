# Control: the branch is there, but without loss.
_base_ = './gcn-cam_r50_voc.py'
model = dict(head=dict(loss_graph_weight=0.))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/gcn-cam_r50_voc_lambda0/activations'))
test_evaluator = dict(out='work_dirs/gcn-cam_r50_voc_lambda0/activations')
