# Control: everything of deeplabv2_r101_grm_coco.py but the GRM.
_base_ = [
    '../_base_/models/deeplabv2_r101.py', '../_base_/datasets/coco14_321.py',
    '../_base_/schedules/deeplabv2_100k.py', '../_base_/default_runtime.py'
]
model = dict(decode_head=dict(num_classes=81))
