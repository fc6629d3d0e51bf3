# Plain CAM on the images that P-GNN sees, in the same order: what all others here compare with.
_base_ = [
    '../_base_/models/cam_effnetlite0_cls.py',
    '../_base_/datasets/voc_mini_groups.py',
    '../_base_/schedules/pgnn_cpu.py',
    '../_base_/cls_runtime.py',
]
model = dict(type='PGNNClassifier', head=dict(type='PGNNHead', context='none', patches=4, group_size=3))
default_hooks = dict(checkpoint=dict(interval=450))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_effnetlite0_cam_vocmini/activations'))
test_evaluator = dict(out='work_dirs/pgnn_effnetlite0_cam_vocmini/activations')
