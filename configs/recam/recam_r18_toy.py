# ReCAM on rendered scenes, from cam_r18_toy.py: the new predictor learns while trunk and classifier
# hardly move, a quarter as long; maps come from the classifier, which are the better ones here.
_base_ = './cam_r18_toy.py'
max_iters = 150
model = dict(head=dict(type='ReCAMHead', cam_weights='classifier'))
load_from = 'work_dirs/cam_r18_toy/iter_600.pth'
optim_wrapper = dict(
    optimizer=dict(lr=1e-5),
    paramwise_cfg=dict(_delete_=True, custom_keys={'head.predictor': dict(lr_mult=100.)}))
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=0., begin=0, end=max_iters, by_epoch=False)
]
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
default_hooks = dict(checkpoint=dict(interval=max_iters))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/recam_r18_toy/activations'))
test_evaluator = dict(out='work_dirs/recam_r18_toy/activations')
