# DeepLabV2 + GRM on COCO 2014: 81 classes, 100,000 iterations.
_base_ = './deeplabv2_r101_aspp256_coco.py'
model = dict(
    decode_head=dict(
        _delete_=True, type='GRMHead', graph='coco', head=_base_.model.decode_head))
