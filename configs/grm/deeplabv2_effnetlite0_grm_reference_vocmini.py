# The published layer exactly.
_base_ = './deeplabv2_effnetlite0_grm_vocmini.py'
model = dict(decode_head=dict(mode='reference'))
