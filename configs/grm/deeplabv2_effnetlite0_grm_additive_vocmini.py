# Paper's fixed nodes with a non-linearity before the score, as in GATv2.
_base_ = './deeplabv2_effnetlite0_grm_vocmini.py'
model = dict(decode_head=dict(mode='additive', nodes='fixed'))
