# cam_cls_cpu.py for groups, half as long again: the soft-complementary loss needs earlier maps, so it
# begins after one pass of the sampler, 198 iterations on the small VOC.
_base_ = './cam_cls_cpu.py'
max_iters = 450
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=0., begin=0, end=max_iters, by_epoch=False)
]
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
