# What the classifier configs share: mmpretrain's scope on top of default_runtime.py.
_base_ = './default_runtime.py'
default_scope = 'mmpretrain'
# Five checkpoints in the published 3,305 iterations, one an epoch.
default_hooks = dict(
    _delete_=True,
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50, log_metric_by_epoch=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='AtomicCheckpointHook', by_epoch=False, interval=661, max_keep_ckpts=2),
    sampler_seed=dict(type='DistSamplerSeedHook'))
visualizer = dict(_delete_=True, type='Visualizer', vis_backends=[dict(type='LocalVisBackend')])
tta_model = None
