# The published layer exactly, on COCO 2014.
_base_ = './deeplabv2_r101_grm_coco.py'
model = dict(decode_head=dict(mode='reference'))
