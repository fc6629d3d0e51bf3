# With the momentum that the published code seems to set, but does not.
_base_ = './gcn-cam_r50_voc.py'
optim_wrapper = dict(optimizer=dict(momentum=0.9))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/gcn-cam_r50_voc_momentum09/activations'))
test_evaluator = dict(out='work_dirs/gcn-cam_r50_voc_momentum09/activations')
