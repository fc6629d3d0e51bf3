# Nodes spread over the pixels of their patch instead of pixels attending to them.
_base_ = './pgnn_effnetlite0_graph_topk_vocmini.py'
model = dict(head=dict(graph=dict(fusion='broadcast')))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_effnetlite0_broadcast_topk_vocmini/activations'))
test_evaluator = dict(out='work_dirs/pgnn_effnetlite0_broadcast_topk_vocmini/activations')
