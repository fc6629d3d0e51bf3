# The GCN branch on rendered scenes.
_base_ = '../recam/cam_r18_toy.py'
model = dict(head=dict(type='GCNClsHead', graph='voc', hidden_channels=128))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/gcn-cam_r18_toy/activations'))
test_evaluator = dict(out='work_dirs/gcn-cam_r18_toy/activations')
