# P-GNN on ResNet-101: patch graph and soft-complementary loss; rates as for CAM.
_base_ = [
    '../_base_/models/cam_r50_cls.py',
    '../_base_/datasets/voc12_groups_512.py',
    '../_base_/schedules/cam_cls_5e.py',
    '../_base_/cls_runtime.py',
]
model = dict(
    type='PGNNClassifier',
    backbone=dict(
        depth=101, init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet101')),
    head=dict(
        type='PGNNHead', pooling='gap', patches=4, group_size=3,
        graph=dict(channels=256, center=True),
        loss_sc=dict(type='SoftComplementaryLoss', reduction='mean', scale=0.05)))
# cam_cls_5e.py means the word vectors of the GCN branch by head.graph.
optim_wrapper = dict(paramwise_cfg=dict(custom_keys={'head.graph': dict(lr_mult=1.)}))
custom_hooks = [
    dict(type='PreflightHook'),
    dict(type='ExactResumeHook'),
    dict(type='AttentionMemoryHook'),
]
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_r101_voc/activations'))
test_evaluator = dict(out='work_dirs/pgnn_r101_voc/activations')
