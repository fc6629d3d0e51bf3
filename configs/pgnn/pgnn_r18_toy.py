# P-GNN on rendered scenes, from scratch. The loss waits until the network knows its classes, and the
# terms beside l_c count a tenth: at full weight maps shrink to the part that tells the class.
_base_ = [
    '../_base_/models/cam_r18_toy_cls.py',
    '../_base_/datasets/toy_groups.py',
    '../_base_/schedules/cam_cls_cpu.py',
    '../_base_/cls_runtime.py',
]
model = dict(
    type='PGNNClassifier',
    head=dict(
        type='PGNNHead', pooling='gap', patches=4, group_size=3,
        graph=dict(channels=64, center=True),
        loss_sc=dict(type='SoftComplementaryLoss', weights=(0.1, 0.1, 0.08, 1))))
max_iters = 600  # from scratch
train_cfg = dict(max_iters=max_iters)
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=0., begin=0, end=max_iters, by_epoch=False)
]
optim_wrapper = dict(optimizer=dict(lr=1e-3), paramwise_cfg=dict(_delete_=True))
default_hooks = dict(checkpoint=dict(interval=300))
custom_hooks = [
    dict(type='PreflightHook'),
    dict(type='ExactResumeHook'),
    dict(type='AttentionMemoryHook', begin=10),
]
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_r18_toy/activations'))
test_evaluator = dict(out='work_dirs/pgnn_r18_toy/activations')
