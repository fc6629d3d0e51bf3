# The GCN branch with the published lambda on a small set, for CPUs.
_base_ = '../recam/cam_effnetlite0_vocmini.py'
model = dict(head=dict(type='GCNClsHead', graph='voc'))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/gcn-cam_effnetlite0_vocmini/activations'))
test_evaluator = dict(out='work_dirs/gcn-cam_effnetlite0_vocmini/activations')
