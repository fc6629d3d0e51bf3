# Control: everything of deeplabv2_r101_grm_voc.py but the GRM.
_base_ = [
    '../_base_/models/deeplabv2_r101.py', '../_base_/datasets/voc12_321.py',
    '../_base_/schedules/deeplabv2_20k.py', '../_base_/default_runtime.py'
]
