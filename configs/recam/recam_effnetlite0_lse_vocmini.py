# ReCAM with log-sum-exp pooling, from cam_effnetlite0_lse_vocmini.py.
_base_ = './recam_effnetlite0_vocmini.py'
model = dict(head=dict(pooling='lse'))
load_from = 'work_dirs/cam_effnetlite0_lse_vocmini/iter_300.pth'
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/recam_effnetlite0_lse_vocmini/activations'))
test_evaluator = dict(out='work_dirs/recam_effnetlite0_lse_vocmini/activations')
