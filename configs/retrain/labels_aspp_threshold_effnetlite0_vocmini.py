# More recall: a class where its probability exceeds 0.35, not only where it is the most probable.
_base_ = './labels_aspp_effnetlite0_vocmini.py'
out = 'work_dirs/labels_aspp_threshold_effnetlite0_vocmini/labels'
test_dataloader = dict(dataset=dict(skip_stored=out))
test_evaluator = [
    dict(
        type='LabelWriter',
        out=out,
        rule=dict(kind='threshold', threshold=0.35),
        crf=dict(preset='irn')),
]
