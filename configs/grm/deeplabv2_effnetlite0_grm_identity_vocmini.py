# Control: coarse nodes that know of no relation between classes.
_base_ = './deeplabv2_effnetlite0_grm_vocmini.py'
model = dict(decode_head=dict(mode='bilinear', nodes='coarse', adjacency='identity'))
