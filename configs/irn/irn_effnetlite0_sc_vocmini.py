# The boundary network for maps trained with the soft-complementary loss: another threshold after the
# walk, chosen on training images (docs/results.md).
_base_ = './irn_effnetlite0_vocmini.py'
model = dict(walk=dict(
    store='{{$MMWSSS_ACTIVATIONS:work_dirs/pgnn_effnetlite0_cam_sc_vocmini/activations}}'))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/irn_effnetlite0_sc_vocmini/labels'))
test_evaluator = [
    dict(
        type='LabelWriter',
        out='work_dirs/irn_effnetlite0_sc_vocmini/labels',
        rule=dict(kind='threshold', threshold=0.40)),
    _base_.test_evaluator[1],
]
