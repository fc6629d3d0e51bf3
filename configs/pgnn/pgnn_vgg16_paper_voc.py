# The literal reading: class embedding on all patches, nodes spread over their patches, average pooling,
# maps made in groups, lambda as printed with l_c a mean.
_base_ = './pgnn_vgg16_voc.py'
model = dict(head=dict(
    inference='group', erase='features', remask=False, loss_sc=dict(scale=1.0),
    graph=dict(class_embedding='all', fusion='broadcast', zero_init=False, center=False)))
custom_hooks = [
    dict(type='PreflightHook'),
    dict(type='ExactResumeHook'),
    dict(type='AttentionMemoryHook'),
    dict(type='SiblingNodesHook'),
]
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_vgg16_paper_voc/activations'))
test_evaluator = dict(out='work_dirs/pgnn_vgg16_paper_voc/activations')
