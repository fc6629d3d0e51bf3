# IRN's edge branch on rendered scenes, on the trunk of a trained toy classifier.
_base_ = [
    '../_base_/models/boundary_r18_toy.py',
    '../_base_/datasets/toy_boundary.py',
    '../_base_/schedules/boundary_cpu.py',
    '../_base_/default_runtime.py',
]
load_from = 'work_dirs/cam_r18_toy/iter_600.pth'
default_hooks = dict(checkpoint=dict(interval=120))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/irn_r18_toy/labels'))
test_evaluator = [
    dict(
        type='LabelWriter',
        out='work_dirs/irn_r18_toy/labels',
        rule=dict(kind='threshold', threshold=0.28)),
    dict(
        type='PseudoLabelQuality',
        masks='{{$MMWSSS_TOY:data/toy}}/SegmentationClass',
        num_classes=21,
        missing='skip'),
]
