# Fig. 9: gamma 5.
_base_ = './gcn-cam_r50_voc.py'
model = dict(
    head=dict(loss_graph=dict(type='MultiLabelFocalLoss', gamma=5.0)))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/gcn-cam_r50_voc_gamma5/activations'))
test_evaluator = dict(out='work_dirs/gcn-cam_r50_voc_gamma5/activations')
