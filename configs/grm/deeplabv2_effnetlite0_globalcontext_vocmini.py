# Control: a global-context vector of as many parameters (124k) as the default GRM.
_base_ = './deeplabv2_effnetlite0_aspp_vocmini.py'
model = dict(
    decode_head=dict(
        _delete_=True,
        type='ContextHead',
        context=dict(type='GlobalContext', hidden_channels=481),
        head=_base_.model.decode_head))
