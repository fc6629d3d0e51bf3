# All three that do the graph good: it learns as fast as the trunk, class maps are erased and not
# features, and the context averages to 0 over an image.
_base_ = './pgnn_effnetlite0_centered_erasemaps_vocmini.py'
optim_wrapper = dict(paramwise_cfg=dict(custom_keys={'head.graph': dict(lr_mult=1.)}))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_effnetlite0_gentle_vocmini/activations'))
test_evaluator = dict(out='work_dirs/pgnn_effnetlite0_gentle_vocmini/activations')
