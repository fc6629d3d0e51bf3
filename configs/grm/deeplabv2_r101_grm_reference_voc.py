# The published layer exactly; also the fifth position, "ASPP", of Table 5.
_base_ = './deeplabv2_r101_grm_voc.py'
model = dict(decode_head=dict(mode='reference'))
