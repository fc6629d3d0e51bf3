# Control: GRM that knows of no relation between classes.
_base_ = './deeplabv2_r101_grm_voc.py'
model = dict(decode_head=dict(adjacency='identity'))
