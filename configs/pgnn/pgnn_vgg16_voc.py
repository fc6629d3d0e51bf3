# P-GNN on VGG-16: patch graph and soft-complementary loss. No rates are given in the paper; these are
# those of DeepLab on VGG-16. A step counts l_c as a mean, with the balance of the sum.
_base_ = [
    '../_base_/models/cam_r50_cls.py',
    '../_base_/datasets/voc12_groups_512.py',
    '../_base_/schedules/cam_cls_5e.py',
    '../_base_/cls_runtime.py',
]
model = dict(
    type='PGNNClassifier',
    backbone=dict(
        _delete_=True,
        type='VGGLargeFOV',
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://vgg16')),
    head=dict(
        type='PGNNHead', in_channels=512, pooling='gap', patches=4, group_size=3,
        graph=dict(channels=256, center=True),
        loss_sc=dict(type='SoftComplementaryLoss', reduction='mean', scale=0.05)))
optim_wrapper = dict(
    optimizer=dict(lr=1e-3, momentum=0.9, weight_decay=5e-4),
    paramwise_cfg=dict(_delete_=True, custom_keys={
        'head.': dict(lr_mult=10.), 'head.graph': dict(lr_mult=1.)}))
custom_hooks = [
    dict(type='PreflightHook'),
    dict(type='ExactResumeHook'),
    dict(type='AttentionMemoryHook'),
]
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_vgg16_voc/activations'))
test_evaluator = dict(out='work_dirs/pgnn_vgg16_voc/activations')
