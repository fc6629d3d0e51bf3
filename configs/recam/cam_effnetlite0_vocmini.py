# Plain CAM on a small set, for CPUs.
_base_ = [
    '../_base_/models/cam_effnetlite0_cls.py',
    '../_base_/datasets/voc_mini_cls.py',
    '../_base_/schedules/cam_cls_cpu.py',
    '../_base_/cls_runtime.py',
]
default_hooks = dict(checkpoint=dict(interval=300))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/cam_effnetlite0_vocmini/activations'))
test_evaluator = dict(out='work_dirs/cam_effnetlite0_vocmini/activations')
