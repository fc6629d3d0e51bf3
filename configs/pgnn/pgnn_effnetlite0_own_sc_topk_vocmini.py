# The same as pgnn_effnetlite0_own_sc_vocmini.py with top-k pooling (the highest fifth).
_base_ = './pgnn_effnetlite0_own_sc_vocmini.py'
model = dict(head=dict(pooling='topk'))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_effnetlite0_own_sc_topk_vocmini/activations'))
test_evaluator = dict(out='work_dirs/pgnn_effnetlite0_own_sc_topk_vocmini/activations')
