# The published classifier: GCN branch, lambda 1e-4, gamma 2, gradients clipped at norm 10.
_base_ = '../recam/cam_r50_voc.py'
model = dict(head=dict(type='GCNClsHead', graph='voc'))
optim_wrapper = dict(clip_grad=dict(max_norm=10.))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/gcn-cam_r50_voc/activations'))
test_evaluator = dict(out='work_dirs/gcn-cam_r50_voc/activations')
