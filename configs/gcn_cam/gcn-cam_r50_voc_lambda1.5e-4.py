# Table 4: lambda 1.5e-4.
_base_ = './gcn-cam_r50_voc.py'
model = dict(head=dict(loss_graph_weight=1.5e-4))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/gcn-cam_r50_voc_lambda1.5e-4/activations'))
test_evaluator = dict(out='work_dirs/gcn-cam_r50_voc_lambda1.5e-4/activations')
