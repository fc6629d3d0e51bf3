# ReCAM from gcn-cam_effnetlite0_toy.py.
_base_ = '../recam/recam_effnetlite0_toy.py'
load_from = 'work_dirs/gcn-cam_effnetlite0_toy/iter_300.pth'
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/recam_gcn_effnetlite0_toy/activations'))
test_evaluator = dict(out='work_dirs/recam_gcn_effnetlite0_toy/activations')
