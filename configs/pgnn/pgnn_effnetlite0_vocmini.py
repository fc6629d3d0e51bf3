# P-GNN + SC loss: patch graph and soft-complementary loss, which erases class maps; what the graph adds
# averages to 0 over an image.
_base_ = './pgnn_effnetlite0_graph_vocmini.py'
model = dict(head=dict(graph=dict(center=True), loss_sc=dict(type='SoftComplementaryLoss')))
custom_hooks = [
    dict(type='PreflightHook'),
    dict(type='ExactResumeHook'),
    dict(type='AttentionMemoryHook'),
]
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_effnetlite0_vocmini/activations'))
test_evaluator = dict(out='work_dirs/pgnn_effnetlite0_vocmini/activations')
