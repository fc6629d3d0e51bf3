# Plain CAM with the mean of the highest fifth of the pixels as pooling.
_base_ = './cam_effnetlite0_vocmini.py'
model = dict(head=dict(pooling='topk'))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/cam_effnetlite0_topk_vocmini/activations'))
test_evaluator = dict(out='work_dirs/cam_effnetlite0_topk_vocmini/activations')
