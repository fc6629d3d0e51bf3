# Step 1 without a graph: plain CAM, which ReCAM and the GCN start from or compare with.
_base_ = [
    '../_base_/models/cam_r50_cls.py',
    '../_base_/datasets/voc12_cls_512.py',
    '../_base_/schedules/cam_cls_5e.py',
    '../_base_/cls_runtime.py',
]
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/cam_r50_voc/activations'))
test_evaluator = dict(out='work_dirs/cam_r50_voc/activations')
