# Seeds of maps trained with the soft-complementary loss (pgnn_effnetlite0_cam_sc_vocmini.py): lower
# thresholds, chosen on training images (docs/results.md).
_base_ = './seeds_vocmini.py'
model = dict(
    store='{{$MMWSSS_ACTIVATIONS:work_dirs/pgnn_effnetlite0_cam_sc_vocmini/activations}}')
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/seeds_sc_vocmini/labels'))
test_evaluator = [
    dict(
        type='LabelWriter',
        out='work_dirs/seeds_sc_vocmini/labels',
        rule=dict(kind='two_thresholds', foreground=0.35, background=0.20, normalize='class'),
        crf=dict(preset='irn')),
    _base_.test_evaluator[1],
]
