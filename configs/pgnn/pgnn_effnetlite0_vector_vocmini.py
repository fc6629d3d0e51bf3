# Control: one context vector an image, with as many parameters as the graph.
_base_ = './pgnn_effnetlite0_graph_vocmini.py'
model = dict(head=dict(context='vector'))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_effnetlite0_vector_vocmini/activations'))
test_evaluator = dict(out='work_dirs/pgnn_effnetlite0_vector_vocmini/activations')
