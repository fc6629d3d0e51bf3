# ReCAM on rendered scenes, from cam_effnetlite0_toy.py; rates as in recam_effnetlite0_vocmini.py.
_base_ = './cam_effnetlite0_toy.py'
max_iters = 150
model = dict(head=dict(type='ReCAMHead', cam_weights='predictor'))
load_from = 'work_dirs/cam_effnetlite0_toy/iter_300.pth'
optim_wrapper = dict(
    optimizer=dict(lr=5e-6),
    paramwise_cfg=dict(
        custom_keys={'head.': dict(_delete_=True, lr_mult=1.), 'head.predictor': dict(lr_mult=100.)}))
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=0., begin=0, end=max_iters, by_epoch=False)
]
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
default_hooks = dict(checkpoint=dict(interval=max_iters))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/recam_effnetlite0_toy/activations'))
test_evaluator = dict(out='work_dirs/recam_effnetlite0_toy/activations')
