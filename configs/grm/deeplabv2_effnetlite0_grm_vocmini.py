# The working form of the layer with its default settings.
_base_ = './deeplabv2_effnetlite0_aspp_vocmini.py'
model = dict(
    decode_head=dict(
        _delete_=True, type='GRMHead', graph='voc', head=_base_.model.decode_head))
