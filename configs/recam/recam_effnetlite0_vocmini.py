# ReCAM from cam_effnetlite0_vocmini.py: half as many iterations at half the rate.
_base_ = './cam_effnetlite0_vocmini.py'
max_iters = 150
model = dict(head=dict(type='ReCAMHead'))
load_from = 'work_dirs/cam_effnetlite0_vocmini/iter_300.pth'
optim_wrapper = dict(optimizer=dict(lr=5e-5))
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=0., begin=0, end=max_iters, by_epoch=False)
]
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
default_hooks = dict(checkpoint=dict(interval=max_iters))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/recam_effnetlite0_vocmini/activations'))
test_evaluator = dict(out='work_dirs/recam_effnetlite0_vocmini/activations')
