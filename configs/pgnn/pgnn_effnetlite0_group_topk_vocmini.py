# Maps made in groups of three, averaged over three groupings.
_base_ = './pgnn_effnetlite0_topk_vocmini.py'
model = dict(head=dict(inference='group', groupings=3))
custom_hooks = [
    dict(type='PreflightHook'),
    dict(type='ExactResumeHook'),
    dict(type='AttentionMemoryHook'),
    dict(type='SiblingNodesHook'),
]
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_effnetlite0_group_topk_vocmini/activations'))
test_evaluator = dict(out='work_dirs/pgnn_effnetlite0_group_topk_vocmini/activations')
