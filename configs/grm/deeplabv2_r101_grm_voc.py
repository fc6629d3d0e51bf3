# DeepLabV2 + GRM (GRM paper, sections 3.4 and 4.3), the working form of the layer.
_base_ = './deeplabv2_r101_aspp256_voc.py'
model = dict(
    decode_head=dict(
        _delete_=True, type='GRMHead', graph='voc', head=_base_.model.decode_head))
