# GRM paper, section 4.3, and the DeepLabV2 code it builds on: SGD, poly 0.9, 20,000 iterations.
# Rates: backbone 2.5e-4; ASPP x10, its biases x20 without decay; last layer x10; GRM 1e-4, with
# its graph convolutions (the published code leaves those out of the optimiser).
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=2.5e-4, momentum=0.9, weight_decay=5e-4),
    paramwise_cfg=dict(
        custom_keys={  # the longest key that is part of a parameter's name decides
            '.grm.': dict(lr_mult=0.4),
            'decode_head.context.': dict(lr_mult=0.4),
            'decode_head.conv_seg.': dict(lr_mult=10.),
            'decode_head.aspp.': dict(lr_mult=10.),
            'decode_head.aspp.0.bias': dict(lr_mult=20., decay_mult=0.),
            'decode_head.aspp.1.bias': dict(lr_mult=20., decay_mult=0.),
            'decode_head.aspp.2.bias': dict(lr_mult=20., decay_mult=0.),
            'decode_head.aspp.3.bias': dict(lr_mult=20., decay_mult=0.),
        }),
    clip_grad=None)
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=0., begin=0, end=20000, by_epoch=False)
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=20000, val_interval=2000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
