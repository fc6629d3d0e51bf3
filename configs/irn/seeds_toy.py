# Seeds on rendered scenes.
_base_ = [
    '../_base_/models/stored_activations.py',
    '../_base_/datasets/toy_stored.py',
    '../_base_/cls_runtime.py',
]
model = dict(store='{{$MMWSSS_ACTIVATIONS:work_dirs/cam_r18_toy/activations}}')
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/seeds_toy/labels'))
test_evaluator = [
    dict(
        type='LabelWriter',
        out='work_dirs/seeds_toy/labels',
        rule=dict(kind='two_thresholds', foreground=0.35, background=0.10, normalize='class'),
        crf=dict(preset='irn')),
    dict(
        type='PseudoLabelQuality',
        prefix='maps',
        masks='{{$MMWSSS_TOY:data/toy}}/SegmentationClass',
        num_classes=21,
        missing='skip'),
]
