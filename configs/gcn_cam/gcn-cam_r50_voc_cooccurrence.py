# Fig. 10: how often classes come in the same images, instead of ConceptNet.
_base_ = './gcn-cam_r50_voc.py'
model = dict(head=dict(graph='voc_cooccurrence'))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/gcn-cam_r50_voc_cooccurrence/activations'))
test_evaluator = dict(out='work_dirs/gcn-cam_r50_voc_cooccurrence/activations')
