# Table 4, P-GNN + l_c: without the soft-complementary loss.
_base_ = './pgnn_vgg16_voc.py'
model = dict(head=dict(loss_sc=None, graph=dict(center=False)))
custom_hooks = [dict(type='PreflightHook'), dict(type='ExactResumeHook')]
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_vgg16_graph_voc/activations'))
test_evaluator = dict(out='work_dirs/pgnn_vgg16_graph_voc/activations')
