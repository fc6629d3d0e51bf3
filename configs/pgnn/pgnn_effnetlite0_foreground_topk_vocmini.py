# Class embedding. One vector for foreground patches of whatever class.
_base_ = './pgnn_effnetlite0_topk_vocmini.py'
model = dict(head=dict(graph=dict(class_embedding='foreground')))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_effnetlite0_foreground_topk_vocmini/activations'))
test_evaluator = dict(out='work_dirs/pgnn_effnetlite0_foreground_topk_vocmini/activations')
