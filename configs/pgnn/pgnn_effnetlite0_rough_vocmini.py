# As the paper has it: the graph learns ten times as fast as the trunk, like the classifier, features are
# erased before it, and what it adds need not average to 0.
_base_ = './pgnn_effnetlite0_vocmini.py'
model = dict(head=dict(erase='features', graph=dict(center=False)))
optim_wrapper = dict(paramwise_cfg=dict(custom_keys={
    'head.graph': dict(lr_mult=10.), 'head.vector': dict(lr_mult=10.)}))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_effnetlite0_rough_vocmini/activations'))
test_evaluator = dict(out='work_dirs/pgnn_effnetlite0_rough_vocmini/activations')
