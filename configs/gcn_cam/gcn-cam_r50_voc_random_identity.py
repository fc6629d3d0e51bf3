# Control: random vectors, no graph.
_base_ = './gcn-cam_r50_voc.py'
model = dict(head=dict(embeddings='random', adjacency='identity'))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/gcn-cam_r50_voc_random_identity/activations'))
test_evaluator = dict(out='work_dirs/gcn-cam_r50_voc_random_identity/activations')
