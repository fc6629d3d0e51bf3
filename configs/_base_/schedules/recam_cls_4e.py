# Step 2 (ReCAM): SGD, rate 5e-4 for the new predictor and 5e-5 for the rest, 4 epochs of VOC.
_base_ = './cam_cls_5e.py'
max_iters = 2644
optim_wrapper = dict(
    optimizer=dict(lr=5e-5),
    paramwise_cfg=dict(custom_keys={
        'head.classifier': dict(_delete_=True, lr_mult=1.),
        'head.predictor': dict(lr_mult=10.),
    }))
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=0., begin=0, end=max_iters, by_epoch=False)
]
train_cfg = dict(max_iters=max_iters)
