# The same on VOC.
_base_ = './labels_deeplabv2_r101_voc.py'
out = 'work_dirs/labels_deeplabv2_r101_threshold_voc/labels'
test_dataloader = dict(dataset=dict(skip_stored=out))
test_evaluator = [
    dict(
        type='LabelWriter',
        out=out,
        rule=dict(kind='threshold', threshold=0.35),
        crf=dict(preset='irn')),
]
