# Nodes that gather the image's features by a supervised coarse class map (OCR).
_base_ = './deeplabv2_effnetlite0_grm_vocmini.py'
model = dict(decode_head=dict(mode='bilinear', nodes='coarse'))
