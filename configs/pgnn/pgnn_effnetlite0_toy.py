# P-GNN on rendered scenes, from ImageNet weights.
_base_ = [
    '../_base_/models/cam_effnetlite0_cls.py',
    '../_base_/datasets/toy_groups.py',
    '../_base_/schedules/pgnn_cpu.py',
    '../_base_/cls_runtime.py',
]
model = dict(
    type='PGNNClassifier',
    head=dict(
        type='PGNNHead', pooling='gap', patches=4, group_size=3,
        graph=dict(channels=128, center=True),
        loss_sc=dict(type='SoftComplementaryLoss')),
    test_cam=dict(scales=(1.0, ), flip=True))
optim_wrapper = dict(paramwise_cfg=dict(custom_keys={'head.graph': dict(lr_mult=1.)}))
default_hooks = dict(checkpoint=dict(interval=450))
custom_hooks = [
    dict(type='PreflightHook'),
    dict(type='ExactResumeHook'),
    dict(type='AttentionMemoryHook'),
]
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_effnetlite0_toy/activations'))
test_evaluator = dict(out='work_dirs/pgnn_effnetlite0_toy/activations')
