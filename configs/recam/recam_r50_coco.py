# Step 2 on COCO 2014: weight 0.1, batch 6, 4 epochs; maps from the classifier alone.
_base_ = './cam_r50_coco.py'
model = dict(head=dict(type='ReCAMHead', loss_sce_weight=0.1, cam_weights='classifier'))
load_from = 'work_dirs/cam_r50_coco/iter_25865.pth'
max_iters = 55188
optim_wrapper = dict(
    optimizer=dict(lr=5e-5),
    paramwise_cfg=dict(_delete_=True, custom_keys={'head.predictor': dict(lr_mult=10.)}))
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=0., begin=0, end=max_iters, by_epoch=False)
]
train_dataloader = dict(batch_size=6)
train_cfg = dict(max_iters=max_iters, val_interval=13797)
default_hooks = dict(checkpoint=dict(interval=13797))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/recam_r50_coco/activations'))
test_evaluator = dict(out='work_dirs/recam_r50_coco/activations')
