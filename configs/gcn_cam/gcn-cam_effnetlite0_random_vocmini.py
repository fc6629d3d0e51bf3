# Control: lambda 1, random vectors instead of word vectors.
_base_ = './gcn-cam_effnetlite0_vocmini.py'
model = dict(head=dict(loss_graph_weight=1., embeddings='random'))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/gcn-cam_effnetlite0_random_vocmini/activations'))
test_evaluator = dict(out='work_dirs/gcn-cam_effnetlite0_random_vocmini/activations')
