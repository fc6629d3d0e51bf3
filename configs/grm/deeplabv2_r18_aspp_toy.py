# Control of the toy set: no context module. From scratch: no weights are needed.
_base_ = [
    '../_base_/models/aspp_r18_toy.py', '../_base_/datasets/toy.py',
    '../_base_/schedules/cpu_500.py', '../_base_/default_runtime.py'
]
env_cfg = dict(cudnn_benchmark=False, dist_cfg=dict(backend='gloo'))
default_hooks = dict(
    logger=dict(interval=50), checkpoint=dict(interval=100, max_keep_ckpts=2))
