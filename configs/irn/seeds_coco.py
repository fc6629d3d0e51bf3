# Seeds on COCO 2014; thresholds and CRF as on VOC.
_base_ = [
    '../_base_/models/stored_activations.py',
    '../_base_/datasets/coco14_stored.py',
    '../_base_/cls_runtime.py',
]
model = dict(store='{{$MMWSSS_ACTIVATIONS:work_dirs/recam_r50_coco/activations}}')
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/seeds_coco/labels'))
test_evaluator = [
    dict(
        type='LabelWriter',
        out='work_dirs/seeds_coco/labels',
        rule=dict(kind='two_thresholds', foreground=0.35, background=0.10, normalize='class'),
        crf=dict(preset='irn')),
    dict(
        type='PseudoLabelQuality',
        prefix='maps',
        masks='{{$MMWSSS_COCO:data/coco2014}}/masks_train2014',
        num_classes=81,
        missing='skip'),
]
