# IRN's edge branch on a small set, for CPUs.
_base_ = [
    '../_base_/models/boundary_effnetlite0.py',
    '../_base_/datasets/voc_mini_boundary.py',
    '../_base_/schedules/boundary_cpu.py',
    '../_base_/default_runtime.py',
]
default_hooks = dict(checkpoint=dict(interval=120))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/irn_effnetlite0_vocmini/labels'))
test_evaluator = [
    dict(
        type='LabelWriter',
        out='work_dirs/irn_effnetlite0_vocmini/labels',
        rule=dict(kind='threshold', threshold=0.75),
        crf='irn'),
    dict(
        type='PseudoLabelQuality',
        masks='{{$MMWSSS_VOC_MINI:data/voc_mini/VOCdevkit/VOC2012}}/SegmentationClassAug',
        num_classes=21,
        missing='skip'),
]
