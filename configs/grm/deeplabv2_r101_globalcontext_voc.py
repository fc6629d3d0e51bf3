# Control: a global-context vector of as many parameters in the place of the GRM.
_base_ = './deeplabv2_r101_aspp256_voc.py'
model = dict(
    decode_head=dict(
        _delete_=True,
        type='ContextHead',
        context=dict(type='GlobalContext'),
        head=_base_.model.decode_head))
