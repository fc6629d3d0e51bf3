# Class embedding. The vector of the class for all patches.
_base_ = './pgnn_effnetlite0_topk_vocmini.py'
model = dict(head=dict(graph=dict(class_embedding='all')))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_effnetlite0_all_topk_vocmini/activations'))
test_evaluator = dict(out='work_dirs/pgnn_effnetlite0_all_topk_vocmini/activations')
