# GRMHead around four heads of MMSegmentation on the same frozen trunk; labels are masks.
_base_ = './_vocmini.py'
title = 'Graph reasoning in four heads of MMSegmentation'
aspp = 'configs/grm/deeplabv2_effnetlite0_aspp_vocmini.py'
common = dict(
    channels=128, dropout_ratio=0.1, num_classes=21,
    loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True))
one = dict(in_channels=320, in_index=1, **common)
heads = dict(
    fcn=dict(type='FCNHead', num_convs=2, **one),
    psp=dict(type='PSPHead', pool_scales=(1, 2, 3, 6), **one),
    deeplabv3=dict(type='ASPPHead', dilations=(1, 3, 6), **one),
    segformer=dict(type='SegformerHead', in_channels=[112, 320], in_index=[0, 1], **common))
wrapped = dict(
    plain=lambda head: head,
    globalcontext=lambda head: dict(
        type='ContextHead', context=dict(type='GlobalContext', hidden_channels=481), head=head),
    grm=lambda head: dict(type='GRMHead', graph='voc', head=head),
    grm_identity=lambda head: dict(
        type='GRMHead', graph='voc', adjacency='identity', head=head))
entries = {
    f'{name}_{form}': dict(
        kind='segmentation', config=aspp, control=f'{name}_plain', title=f'{head["type"]}, {form}',
        options={'model.decode_head': dict(wrap(head), _delete_=True)})
    for name, head in heads.items() for form, wrap in wrapped.items()}
