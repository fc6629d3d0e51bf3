# Table 6: lambda = (1, 1, 1, 0.8).
_base_ = './pgnn_effnetlite0_vocmini.py'
model = dict(head=dict(loss_sc=dict(weights=(1, 1, 1, 0.8))))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_effnetlite0_lambda_1_1_1_08_vocmini/activations'))
test_evaluator = dict(out='work_dirs/pgnn_effnetlite0_lambda_1_1_1_08_vocmini/activations')
