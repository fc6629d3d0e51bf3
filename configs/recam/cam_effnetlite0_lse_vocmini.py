# Plain CAM with log-sum-exp pooling.
_base_ = './cam_effnetlite0_vocmini.py'
model = dict(head=dict(pooling='lse'))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/cam_effnetlite0_lse_vocmini/activations'))
test_evaluator = dict(out='work_dirs/cam_effnetlite0_lse_vocmini/activations')
