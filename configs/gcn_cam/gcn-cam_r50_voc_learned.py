# Word vectors that training changes, ConceptNet.
_base_ = './gcn-cam_r50_voc.py'
model = dict(head=dict(embeddings='learned'))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/gcn-cam_r50_voc_learned/activations'))
test_evaluator = dict(out='work_dirs/gcn-cam_r50_voc_learned/activations')
