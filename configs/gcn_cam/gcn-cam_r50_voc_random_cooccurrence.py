# Control: random vectors, co-occurrence.
_base_ = './gcn-cam_r50_voc.py'
model = dict(head=dict(graph='voc_cooccurrence', embeddings='random'))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/gcn-cam_r50_voc_random_cooccurrence/activations'))
test_evaluator = dict(out='work_dirs/gcn-cam_r50_voc_random_cooccurrence/activations')
