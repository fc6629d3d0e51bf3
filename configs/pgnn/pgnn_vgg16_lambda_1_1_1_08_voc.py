# Table 6: lambda = (1, 1, 1, 0.8).
_base_ = './pgnn_vgg16_voc.py'
model = dict(head=dict(loss_sc=dict(weights=(1, 1, 1, 0.8))))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_vgg16_lambda_1_1_1_08_voc/activations'))
test_evaluator = dict(out='work_dirs/pgnn_vgg16_lambda_1_1_1_08_voc/activations')
