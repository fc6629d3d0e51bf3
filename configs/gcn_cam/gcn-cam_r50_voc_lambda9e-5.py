# Table 4: lambda 9e-5.
_base_ = './gcn-cam_r50_voc.py'
model = dict(head=dict(loss_graph_weight=9e-5))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/gcn-cam_r50_voc_lambda9e-5/activations'))
test_evaluator = dict(out='work_dirs/gcn-cam_r50_voc_lambda9e-5/activations')
