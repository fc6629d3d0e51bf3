# GRM, with its default settings, on the toy set.
_base_ = './deeplabv2_r18_aspp_toy.py'
model = dict(
    decode_head=dict(
        _delete_=True, type='GRMHead', graph='voc', head=_base_.model.decode_head))
