# IRN's edge branch on VOC with ReCAM's background threshold.
_base_ = [
    '../_base_/models/boundary_r50.py',
    '../_base_/datasets/voc12_boundary_512.py',
    '../_base_/schedules/boundary_3e.py',
    '../_base_/default_runtime.py',
]
default_hooks = dict(checkpoint=dict(interval=330))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/irn_r50_voc/labels'))
test_evaluator = [
    dict(
        type='LabelWriter',
        out='work_dirs/irn_r50_voc/labels',
        rule=dict(kind='threshold', threshold=0.28)),
    dict(
        type='PseudoLabelQuality',
        masks='{{$MMWSSS_VOC:data/VOCdevkit/VOC2012}}/SegmentationClass',
        num_classes=21,
        missing='skip'),
]
