# Step 1 with the mean of the highest fifth of the pixels as pooling.
_base_ = './cam_r50_voc.py'
model = dict(head=dict(pooling='topk'))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/cam_r50_voc_topk/activations'))
test_evaluator = dict(out='work_dirs/cam_r50_voc_topk/activations')
