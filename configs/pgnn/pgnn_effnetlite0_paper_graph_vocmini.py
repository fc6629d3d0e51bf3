# The literal reading: every patch gets the vector of the class, nodes are spread over their patches, maps
# are made in groups. The class embedding hands the answer to the network.
_base_ = './pgnn_effnetlite0_fast_vocmini.py'
model = dict(head=dict(inference='group', remask=False, graph=dict(class_embedding='all', fusion='broadcast', zero_init=False)))
custom_hooks = [
    dict(type='PreflightHook'),
    dict(type='ExactResumeHook'),
    dict(type='SiblingNodesHook'),
]
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_effnetlite0_paper_graph_vocmini/activations'))
test_evaluator = dict(out='work_dirs/pgnn_effnetlite0_paper_graph_vocmini/activations')
