# Step 2: ReCAM from the classifier of cam_r50_voc.py; maps from the product of both weights.
_base_ = [
    '../_base_/models/cam_r50_cls.py',
    '../_base_/datasets/voc12_cls_512.py',
    '../_base_/schedules/recam_cls_4e.py',
    '../_base_/cls_runtime.py',
]
model = dict(head=dict(type='ReCAMHead', loss_sce_weight=1.0, cam_weights='product'))
load_from = 'work_dirs/cam_r50_voc/iter_3305.pth'
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/recam_r50_voc/activations'))
test_evaluator = dict(out='work_dirs/recam_r50_voc/activations')
