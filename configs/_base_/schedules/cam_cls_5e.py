# Step 1 as the published code really runs: SGD, rate 0.1, classifier x10, poly 0.9 each iteration,
# no warm-up, 5 epochs of 10,582 images at batch 16. Its optimiser hands the weight decay to SGD as
# the momentum: 1e-4, not 0.9, which is only the power of the decay.
max_iters = 3305
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.1, momentum=1e-4, weight_decay=1e-4),
    paramwise_cfg=dict(custom_keys={
        'head.classifier': dict(lr_mult=10.),
        'head.gcn': dict(lr_mult=0.1),
        'head.graph': dict(lr_mult=0.1),  # learned word vectors
    }))
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=0., begin=0, end=max_iters, by_epoch=False)
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=661)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
