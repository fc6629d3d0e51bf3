# Control: as many parameters (124k) as the default GRM, but at each pixel alone.
_base_ = './deeplabv2_effnetlite0_aspp_vocmini.py'
model = dict(
    decode_head=dict(
        _delete_=True,
        type='ContextHead',
        context=dict(type='PixelResidual', hidden_channels=481),
        head=_base_.model.decode_head))
