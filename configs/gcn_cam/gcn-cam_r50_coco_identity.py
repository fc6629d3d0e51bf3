# Fig. 10: no graph.
_base_ = './gcn-cam_r50_coco.py'
model = dict(head=dict(adjacency='identity'))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/gcn-cam_r50_coco_identity/activations'))
test_evaluator = dict(out='work_dirs/gcn-cam_r50_coco_identity/activations')
