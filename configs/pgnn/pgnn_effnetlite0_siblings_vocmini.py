# Control: patches look at those of the other images only.
_base_ = './pgnn_effnetlite0_graph_vocmini.py'
model = dict(head=dict(graph=dict(scope='siblings')))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_effnetlite0_siblings_vocmini/activations'))
test_evaluator = dict(out='work_dirs/pgnn_effnetlite0_siblings_vocmini/activations')
