# Step 2 with log-sum-exp pooling, from cam_r50_voc_lse.py.
_base_ = './recam_r50_voc.py'
model = dict(head=dict(pooling='lse'))
load_from = 'work_dirs/cam_r50_voc_lse/iter_3305.pth'
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/recam_r50_voc_lse/activations'))
test_evaluator = dict(out='work_dirs/recam_r50_voc_lse/activations')
