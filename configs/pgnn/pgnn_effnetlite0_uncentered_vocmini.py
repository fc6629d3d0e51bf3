# What the graph adds does not average to 0 over an image: it may say what and not only where.
_base_ = './pgnn_effnetlite0_vocmini.py'
model = dict(head=dict(graph=dict(center=False)))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_effnetlite0_uncentered_vocmini/activations'))
test_evaluator = dict(out='work_dirs/pgnn_effnetlite0_uncentered_vocmini/activations')
