# The same on pseudo labels that cost less than the walk's: maps of `cam_sc` at one scale, their
# best threshold, CRF.
_base_ = ['./_vocmini.py', './_forms.py', './_labels.py']
title = 'Graph reasoning: forms, graphs, word vectors; pseudo labels of one scale and the CRF'
one_scale = {'model.test_cam.scales': [1.0]}
labels = dict(
    cam_sc_1x=dict(
        _base_.classifiers.cam_sc, title='maps: CAM, soft-complementary loss, one scale',
        test_options={**_base_.maps_options, **one_scale}),
    cam_sc_1x_crf=dict(
        _base_.crf_labels.cam_sc_crf, env=dict(MMWSSS_ACTIVATIONS='{maps:cam_sc_1x}'),
        options={
            **_base_.one_threshold, 'test_evaluator.0.rule.threshold': '{threshold:cam_sc_1x}'},
        title='labels: `cam_sc_1x`, its best threshold, CRF', control=None))
students = {
    f'{name}_crf': dict(entry, env=dict(MMWSSS_LABELS='{labels:cam_sc_1x_crf}'))
    for name, entry in _base_.forms.items()}
entries = {**labels, **students}
rows = list(students)
control = 'aspp_crf'
