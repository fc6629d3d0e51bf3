# Nodes that gather the image's features by a learned soft assignment (SGR, GloRe).
_base_ = './deeplabv2_effnetlite0_grm_vocmini.py'
model = dict(decode_head=dict(mode='bilinear', nodes='gathered'))
