# DeepLab-LargeFOV (VGG-16) on pseudo labels: the segmentation network of P-GNN's Table 2.
_base_ = [
    '../_base_/models/deeplabv2_vgg16.py', '../_base_/datasets/voc12_321.py',
    '../_base_/schedules/deeplabv2_20k.py', '../_base_/default_runtime.py'
]
# DeepLab's rates for LargeFOV: 1e-3, classifier x10; biases at twice the rate and without decay.
optim_wrapper = dict(
    optimizer=dict(lr=1e-3),
    paramwise_cfg=dict(
        _delete_=True,
        bias_lr_mult=2.,
        bias_decay_mult=0.,
        custom_keys={
            'decode_head.conv_seg.weight': dict(lr_mult=10.),
            'decode_head.conv_seg.bias': dict(lr_mult=20., decay_mult=0.),
        }))
