# ReCAM from cam_effnetlite0_vocmini.py.
_base_ = './cam_effnetlite0_vocmini.py'
model = dict(head=dict(type='ReCAMHead'))
load_from = 'work_dirs/cam_effnetlite0_vocmini/iter_600.pth'
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/recam_effnetlite0_vocmini/activations'))
test_evaluator = dict(out='work_dirs/recam_effnetlite0_vocmini/activations')
