# Control, graph off: patches look at themselves only; the same parameters.
_base_ = './pgnn_effnetlite0_graph_vocmini.py'
model = dict(head=dict(graph=dict(scope='self')))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_effnetlite0_self_vocmini/activations'))
test_evaluator = dict(out='work_dirs/pgnn_effnetlite0_self_vocmini/activations')
