# The rough form, but the graph says where and not what: its context averages to 0 over an image.
_base_ = './pgnn_effnetlite0_rough_vocmini.py'
model = dict(head=dict(graph=dict(center=True)))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_effnetlite0_centered_vocmini/activations'))
test_evaluator = dict(out='work_dirs/pgnn_effnetlite0_centered_vocmini/activations')
