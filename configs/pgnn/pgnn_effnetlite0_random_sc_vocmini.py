# Control: groups of random images, with the soft-complementary loss.
_base_ = './pgnn_effnetlite0_vocmini.py'
train_dataloader = dict(sampler=dict(same_class=False))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_effnetlite0_random_sc_vocmini/activations'))
test_evaluator = dict(out='work_dirs/pgnn_effnetlite0_random_sc_vocmini/activations')
