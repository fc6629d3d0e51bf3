# The GCN branch on rendered scenes, from ImageNet weights.
_base_ = '../recam/cam_effnetlite0_toy.py'
model = dict(head=dict(type='GCNClsHead', graph='voc'))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/gcn-cam_effnetlite0_toy/activations'))
test_evaluator = dict(out='work_dirs/gcn-cam_effnetlite0_toy/activations')
