# Step 2 on COCO 2014, from gcn-cam_r50_coco.py.
_base_ = '../recam/recam_r50_coco.py'
load_from = 'work_dirs/gcn-cam_r50_coco/iter_25865.pth'
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/recam_gcn_r50_coco/activations'))
test_evaluator = dict(out='work_dirs/recam_gcn_r50_coco/activations')
