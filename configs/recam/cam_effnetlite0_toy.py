# Plain CAM on rendered scenes, from ImageNet weights.
_base_ = [
    '../_base_/models/cam_effnetlite0_cls.py',
    '../_base_/datasets/toy_cls.py',
    '../_base_/schedules/cam_cls_cpu.py',
    '../_base_/cls_runtime.py',
]
model = dict(test_cam=dict(scales=(1.0, ), flip=True))
default_hooks = dict(checkpoint=dict(interval=300))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/cam_effnetlite0_toy/activations'))
test_evaluator = dict(out='work_dirs/cam_effnetlite0_toy/activations')
