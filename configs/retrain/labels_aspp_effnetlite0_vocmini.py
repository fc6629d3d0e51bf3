# The same for the small set.
_base_ = [
    '../_base_/models/aspp_effnetlite0.py',
    '../_base_/datasets/voc_mini_predicted.py',
    '../_base_/default_runtime.py',
]
model = dict(_delete_=True, type='SegmentorMaps', module=_base_.model)
test_dataloader = dict(
    dataset=dict(skip_stored='work_dirs/labels_aspp_effnetlite0_vocmini/labels'))
test_evaluator = [
    dict(
        type='LabelWriter',
        out='work_dirs/labels_aspp_effnetlite0_vocmini/labels',
        rule=dict(kind='probability'),
        crf=dict(preset='irn')),
]
