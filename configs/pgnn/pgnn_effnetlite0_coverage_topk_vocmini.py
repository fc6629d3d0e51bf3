# Class embedding. The vector of the class for patches that the map of the epoch before covers.
_base_ = './pgnn_effnetlite0_topk_vocmini.py'
model = dict(head=dict(graph=dict(class_embedding='coverage')))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_effnetlite0_coverage_topk_vocmini/activations'))
test_evaluator = dict(out='work_dirs/pgnn_effnetlite0_coverage_topk_vocmini/activations')
