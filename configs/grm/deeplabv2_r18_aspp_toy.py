# Control of the toy set: no context module. From scratch: no weights are needed.
_base_ = [
    '../_base_/models/aspp_r18_toy.py', '../_base_/datasets/toy.py',
    '../_base_/schedules/cpu_250.py', '../_base_/default_runtime.py'
]
env_cfg = dict(cudnn_benchmark=False, dist_cfg=dict(backend='gloo'))
optim_wrapper = dict(optimizer=dict(lr=3e-3), paramwise_cfg=dict(_delete_=True))
default_hooks = dict(
    logger=dict(interval=25), checkpoint=dict(interval=50, max_keep_ckpts=2))
