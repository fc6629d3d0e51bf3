# Step 2: ReCAM from the classifier that was trained with the GCN branch.
_base_ = '../recam/recam_r50_voc.py'
load_from = 'work_dirs/gcn-cam_r50_voc/iter_3305.pth'
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/recam_gcn_r50_voc/activations'))
test_evaluator = dict(out='work_dirs/recam_gcn_r50_voc/activations')
