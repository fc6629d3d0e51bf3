# Step 1 on COCO 2014: 5 epochs of 82,783 images at batch 16.
_base_ = [
    '../_base_/models/cam_r50_cls.py',
    '../_base_/datasets/coco14_cls_512.py',
    '../_base_/schedules/cam_cls_5e.py',
    '../_base_/cls_runtime.py',
]
model = dict(head=dict(num_classes=80))
max_iters = 25865
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=0., begin=0, end=max_iters, by_epoch=False)
]
train_cfg = dict(max_iters=max_iters, val_interval=5173)
default_hooks = dict(checkpoint=dict(interval=5173))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/cam_r50_coco/activations'))
test_evaluator = dict(out='work_dirs/cam_r50_coco/activations')
