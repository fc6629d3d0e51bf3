# grm.txt, Table 5: GRM after a stage of the frozen trunk, not after the ASPP; labels are masks.
_base_ = './_vocmini.py'
title = 'Where graph reasoning stands'
layer = 'configs/grm/deeplabv2_effnetlite0_grm_reference_layer4_vocmini.py'
student = 'configs/grm/deeplabv2_effnetlite0_%s_vocmini.py'
forms = dict(
    reference=('published layer', dict()),
    gathered=('gathered nodes', {
        'model.backbone.mode': 'bilinear', 'model.backbone.nodes': 'gathered'}))
entries = dict(
    aspp=dict(kind='segmentation', config=student % 'aspp', title='no module (control)'),
    **{f'grm_{form}': dict(
        kind='segmentation', config=student % f'grm_{form}', title=f'{title}, after the ASPP')
        for form, (title, _) in forms.items()},
    **{f'{form}_layer{stage}': dict(
        kind='segmentation', config=layer, title=f'{title}, after layer {stage}',
        options={'model.backbone.stages': [stage], **options})
        for form, (title, options) in forms.items() for stage in (1, 2, 3, 4)})
control = 'aspp'
