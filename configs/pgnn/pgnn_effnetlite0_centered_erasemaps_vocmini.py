# Class maps are erased and not features, and the context averages to 0 over an image.
_base_ = './pgnn_effnetlite0_centered_vocmini.py'
model = dict(head=dict(erase='maps'))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_effnetlite0_centered_erasemaps_vocmini/activations'))
test_evaluator = dict(out='work_dirs/pgnn_effnetlite0_centered_erasemaps_vocmini/activations')
