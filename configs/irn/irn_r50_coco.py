# IRN's edge branch on COCO 2014: 3 epochs of 82,783 images at batch 32.
_base_ = [
    '../_base_/models/boundary_r50.py',
    '../_base_/datasets/coco14_boundary_512.py',
    '../_base_/schedules/boundary_3e.py',
    '../_base_/default_runtime.py',
]
max_iters = 7758
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=0., begin=0, end=max_iters, by_epoch=False)
]
train_cfg = dict(max_iters=max_iters)
default_hooks = dict(checkpoint=dict(interval=2586))
model = dict(
    walk=dict(store='{{$MMWSSS_ACTIVATIONS:work_dirs/recam_r50_coco/activations}}'))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/irn_r50_coco/labels'))
test_evaluator = [
    dict(
        type='LabelWriter',
        out='work_dirs/irn_r50_coco/labels',
        rule=dict(kind='threshold', threshold=0.25)),
    dict(
        type='PseudoLabelQuality',
        masks='{{$MMWSSS_COCO:data/coco2014}}/masks_train2014',
        num_classes=81,
        missing='skip'),
]
