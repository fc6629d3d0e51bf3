# IRN's boundary network as published: SGD, rate 0.1, poly 0.9 each iteration, 3 epochs of 10,582
# images at batch 32. Its optimiser hands the weight decay to SGD as the momentum: 1e-4.
max_iters = 990
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.1, momentum=1e-4, weight_decay=1e-4))
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=0., begin=0, end=max_iters, by_epoch=False)
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters)
val_cfg = None
test_cfg = dict(type='TestLoop')
