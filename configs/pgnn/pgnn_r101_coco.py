# P-GNN on ResNet-101 and COCO 2014: three passes of about 240,000 (image, class) pairs at batch 15.
_base_ = [
    '../_base_/models/cam_r50_cls.py',
    '../_base_/datasets/coco14_groups_512.py',
    '../_base_/schedules/cam_cls_5e.py',
    '../_base_/cls_runtime.py',
]
model = dict(
    type='PGNNClassifier',
    backbone=dict(
        depth=101, init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet101')),
    head=dict(
        type='PGNNHead', num_classes=80, pooling='gap', patches=4, group_size=3,
        graph=dict(channels=256, center=True),
        loss_sc=dict(type='SoftComplementaryLoss', reduction='mean', scale=0.0125)))
max_iters = 48000
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=0., begin=0, end=max_iters, by_epoch=False)
]
train_cfg = dict(max_iters=max_iters, val_interval=16000)
default_hooks = dict(checkpoint=dict(interval=16000))
# cam_cls_5e.py means the word vectors of the GCN branch by head.graph.
optim_wrapper = dict(paramwise_cfg=dict(custom_keys={'head.graph': dict(lr_mult=1.)}))
custom_hooks = [
    dict(type='PreflightHook'),
    dict(type='ExactResumeHook'),
    dict(type='AttentionMemoryHook'),
]
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_r101_coco/activations'))
test_evaluator = dict(out='work_dirs/pgnn_r101_coco/activations')
