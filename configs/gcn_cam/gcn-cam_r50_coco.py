# The published classifier on COCO 2014, without clipping, as there.
_base_ = '../recam/cam_r50_coco.py'
model = dict(head=dict(type='GCNClsHead', graph='coco'))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/gcn-cam_r50_coco/activations'))
test_evaluator = dict(out='work_dirs/gcn-cam_r50_coco/activations')
