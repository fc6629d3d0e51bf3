# Control: single images, at ten times the rate of the trunk.
_base_ = './pgnn_effnetlite0_own_vocmini.py'
optim_wrapper = dict(paramwise_cfg=dict(custom_keys={'head.graph': dict(lr_mult=10.)}))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_effnetlite0_own_fast_vocmini/activations'))
test_evaluator = dict(out='work_dirs/pgnn_effnetlite0_own_fast_vocmini/activations')
