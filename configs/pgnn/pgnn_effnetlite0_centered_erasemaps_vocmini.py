# The rough form, but class maps are erased, and the context averages to 0 over an image.
_base_ = './pgnn_effnetlite0_erasemaps_vocmini.py'
model = dict(head=dict(graph=dict(center=True)))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_effnetlite0_centered_erasemaps_vocmini/activations'))
test_evaluator = dict(out='work_dirs/pgnn_effnetlite0_centered_erasemaps_vocmini/activations')
