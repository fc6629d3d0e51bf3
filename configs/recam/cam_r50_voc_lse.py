# Step 1 with log-sum-exp instead of average pooling.
_base_ = './cam_r50_voc.py'
model = dict(head=dict(pooling='lse'))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/cam_r50_voc_lse/activations'))
test_evaluator = dict(out='work_dirs/cam_r50_voc_lse/activations')
