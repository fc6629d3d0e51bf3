# What the classifier configs share: mmpretrain's scope on top of default_runtime.py.
_base_ = './default_runtime.py'
default_scope = 'mmpretrain'
# Five checkpoints in the published 3,305 iterations, one an epoch.
default_hooks = dict(visualization=None, checkpoint=dict(interval=661))
visualizer = dict(_delete_=True, type='Visualizer', vis_backends=[dict(type='LocalVisBackend')])
tta_model = None
