# IRN's edge branch on a small set, for CPUs.
_base_ = [
    '../_base_/models/boundary_effnetlite0.py',
    '../_base_/datasets/voc_mini_boundary.py',
    '../_base_/schedules/boundary_cpu.py',
    '../_base_/default_runtime.py',
]
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=0., begin=0, end=240, by_epoch=False)
]
train_cfg = dict(max_iters=240)
default_hooks = dict(checkpoint=dict(interval=240))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/irn_effnetlite0_vocmini/labels'))
test_evaluator = [
    dict(
        type='LabelWriter',
        out='work_dirs/irn_effnetlite0_vocmini/labels',
        rule=dict(kind='threshold', threshold=0.70)),
    dict(
        type='PseudoLabelQuality',
        masks='{{$MMWSSS_VOC_MINI:data/voc_mini/VOCdevkit/VOC2012}}/SegmentationClassAug',
        num_classes=21,
        missing='skip'),
]
