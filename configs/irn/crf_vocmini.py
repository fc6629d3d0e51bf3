# The short way to pseudo labels of the small set: one threshold and the dense CRF, without seeds,
# boundary network and walk (docs/results.md compares them).
_base_ = './seeds_vocmini.py'
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/crf_vocmini/labels'))
test_evaluator = [
    dict(
        type='LabelWriter',
        out='work_dirs/crf_vocmini/labels',
        rule=dict(kind='threshold', threshold=0.60, normalize='class'),
        crf=dict(preset='irn')),
    _base_.test_evaluator[1],
]
