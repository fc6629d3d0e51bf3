# The rough form, but class maps are erased and not features: the graph sees no erased pixels.
_base_ = './pgnn_effnetlite0_rough_vocmini.py'
model = dict(head=dict(erase='maps'))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_effnetlite0_erasemaps_vocmini/activations'))
test_evaluator = dict(out='work_dirs/pgnn_effnetlite0_erasemaps_vocmini/activations')
