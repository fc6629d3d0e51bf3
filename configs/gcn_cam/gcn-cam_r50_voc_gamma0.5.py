# Fig. 9: gamma 0.5.
_base_ = './gcn-cam_r50_voc.py'
model = dict(
    head=dict(loss_graph=dict(type='MultiLabelFocalLoss', gamma=0.5)))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/gcn-cam_r50_voc_gamma0.5/activations'))
test_evaluator = dict(out='work_dirs/gcn-cam_r50_voc_gamma0.5/activations')
