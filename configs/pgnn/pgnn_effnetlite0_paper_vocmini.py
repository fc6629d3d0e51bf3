# The literal reading of graph and loss; lambda as printed, l_c a mean over classes.
_base_ = './pgnn_effnetlite0_rough_vocmini.py'
model = dict(head=dict(
    inference='group', remask=False, loss_sc=dict(reduction='mean'),
    graph=dict(class_embedding='all', fusion='broadcast', zero_init=False)))
custom_hooks = [
    dict(type='PreflightHook'),
    dict(type='ExactResumeHook'),
    dict(type='AttentionMemoryHook'),
    dict(type='SiblingNodesHook'),
]
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_effnetlite0_paper_vocmini/activations'))
test_evaluator = dict(out='work_dirs/pgnn_effnetlite0_paper_vocmini/activations')
