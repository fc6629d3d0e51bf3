# Control: the 2017 head, 2048 channels straight to the classes.
_base_ = './deeplabv2_r101_aspp256_voc.py'
model = dict(decode_head=dict(channels=None))
