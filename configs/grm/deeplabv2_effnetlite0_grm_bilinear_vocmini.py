# Paper's fixed nodes with a score in which pixel and node interact: Eq. 7 as printed.
_base_ = './deeplabv2_effnetlite0_grm_vocmini.py'
model = dict(decode_head=dict(mode='bilinear', nodes='fixed'))
