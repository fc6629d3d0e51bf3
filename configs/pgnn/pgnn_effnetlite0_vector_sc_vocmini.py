# Control: context vector with the soft-complementary loss.
_base_ = './pgnn_effnetlite0_vector_vocmini.py'
model = dict(head=dict(loss_sc=dict(type='SoftComplementaryLoss')))
custom_hooks = [
    dict(type='PreflightHook'),
    dict(type='ExactResumeHook'),
    dict(type='AttentionMemoryHook'),
]
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_effnetlite0_vector_sc_vocmini/activations'))
test_evaluator = dict(out='work_dirs/pgnn_effnetlite0_vector_sc_vocmini/activations')
