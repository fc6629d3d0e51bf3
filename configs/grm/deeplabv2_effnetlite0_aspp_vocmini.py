# Control of the small set: no context module.
_base_ = [
    '../_base_/models/aspp_effnetlite0.py', '../_base_/datasets/voc_mini.py',
    '../_base_/schedules/cpu_500.py', '../_base_/default_runtime.py'
]
env_cfg = dict(cudnn_benchmark=False, dist_cfg=dict(backend='gloo'))
default_hooks = dict(
    logger=dict(interval=50), checkpoint=dict(interval=100, max_keep_ckpts=2))
