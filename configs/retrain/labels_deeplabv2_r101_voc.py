# Labels of VOC's training images by a segmentor trained on pseudo labels: the most probable of
# background and the image's classes, then the dense CRF. The checkpoint is that segmentor's.
_base_ = [
    '../_base_/models/deeplabv2_r101.py',
    '../_base_/datasets/voc12_predicted.py',
    '../_base_/default_runtime.py',
]
model = dict(_delete_=True, type='SegmentorMaps', module=_base_.model)
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/labels_deeplabv2_r101_voc/labels'))
test_evaluator = [
    dict(
        type='LabelWriter',
        out='work_dirs/labels_deeplabv2_r101_voc/labels',
        rule=dict(kind='probability'),
        crf=dict(preset='irn')),
]
