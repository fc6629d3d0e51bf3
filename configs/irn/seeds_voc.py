# Seeds on VOC with ReCAM's thresholds; IRN's are 0.30 and 0.05.
_base_ = [
    '../_base_/models/stored_activations.py',
    '../_base_/datasets/voc12_stored.py',
    '../_base_/cls_runtime.py',
]
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/seeds_voc/labels'))
test_evaluator = [
    dict(
        type='LabelWriter',
        out='work_dirs/seeds_voc/labels',
        rule=dict(kind='two_thresholds', foreground=0.35, background=0.10, normalize='class'),
        crf=dict(preset='irn')),
    dict(
        type='PseudoLabelQuality',
        prefix='maps',
        masks='{{$MMWSSS_VOC:data/VOCdevkit/VOC2012}}/SegmentationClass',
        num_classes=21,
        missing='skip'),
]
