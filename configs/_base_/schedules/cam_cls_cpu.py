# For CPUs and small sets: AdamW, head x10, a few hundred iterations.
_base_ = './cam_cls_5e.py'
max_iters = 300
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=1e-4, weight_decay=0.01),
    paramwise_cfg=dict(_delete_=True, custom_keys={'head.': dict(lr_mult=10.)}))
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=0., begin=0, end=max_iters, by_epoch=False)
]
train_cfg = dict(max_iters=max_iters, val_interval=300)
