# Control: patches look at those of their own image only, with the soft-complementary loss.
_base_ = './pgnn_effnetlite0_vocmini.py'
model = dict(head=dict(graph=dict(scope='own')))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_effnetlite0_own_sc_vocmini/activations'))
test_evaluator = dict(out='work_dirs/pgnn_effnetlite0_own_sc_vocmini/activations')
