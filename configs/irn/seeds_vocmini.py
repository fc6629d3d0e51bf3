# Seeds on the small VOC-shaped set. Maps of the ReCAM predictor are wide: thresholds chosen on
# training images (docs/results.md).
_base_ = [
    '../_base_/models/stored_activations.py',
    '../_base_/datasets/voc_mini_stored.py',
    '../_base_/cls_runtime.py',
]
model = dict(store='{{$MMWSSS_ACTIVATIONS:work_dirs/recam_effnetlite0_vocmini/activations}}')
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/seeds_vocmini/labels'))
test_evaluator = [
    dict(
        type='LabelWriter',
        out='work_dirs/seeds_vocmini/labels',
        rule=dict(kind='two_thresholds', foreground=0.70, background=0.50, normalize='class'),
        crf=dict(preset='irn')),
    dict(
        type='PseudoLabelQuality',
        prefix='maps',
        masks='{{$MMWSSS_VOC_MINI:data/voc_mini/VOCdevkit/VOC2012}}/SegmentationClassAug',
        num_classes=21,
        missing='skip'),
]
