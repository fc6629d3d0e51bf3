# Word vectors that training changes, co-occurrence.
_base_ = './gcn-cam_r50_voc.py'
model = dict(head=dict(graph='voc_cooccurrence', embeddings='learned'))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/gcn-cam_r50_voc_learned_cooccurrence/activations'))
test_evaluator = dict(out='work_dirs/gcn-cam_r50_voc_learned_cooccurrence/activations')
