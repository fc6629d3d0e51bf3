# The published layer exactly, on the toy set.
_base_ = './deeplabv2_r18_grm_toy.py'
model = dict(decode_head=dict(mode='reference'))
