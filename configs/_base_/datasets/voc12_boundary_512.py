# VOC for the boundary network: trained on seeds (labels with ignored pixels), scaled by 0.5 to 1.5,
# crop 512, batch 32, as published; tested, that is walked, on the same images.
# MMWSSS_LABELS: the seeds, a folder of PNGs or a label store.
_base_ = './voc12_321.py'
data_root = '{{$MMWSSS_VOC:data/VOCdevkit/VOC2012}}'
crop_size = (512, 512)
train_dataloader = dict(
    batch_size=32,
    dataset=dict(
        pipeline=[
            dict(type='LoadImageFromFile', color_type='color_ignore_orientation'),
            dict(type='LoadSegLabels'),
            dict(
                type='RandomChoice',
                transforms=[[dict(
                    type='Resize', scale_factor=percent / 100, keep_ratio=True,
                    interpolation='bicubic')] for percent in range(50, 151, 5)]),
            dict(type='RandomCrop', crop_size=crop_size),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackSegInputs'),
        ]))
val_dataloader = None
val_evaluator = None
# Each process writes its own images, none twice: no rounding up.
test_dataloader = dict(
    _delete_=True,
    batch_size=4,
    num_workers=4,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type='WeakVOCDataset',
        data_root=data_root,
        label_file='{{$MMWSSS_IMAGE_LABELS:image_labels.json}}',
        ann_file='ImageSets/Segmentation/train_aug.txt',
        test_mode=True,
        pipeline=[
            dict(type='LoadAnyImage'),
            dict(
                type='mmpretrain.PackInputs',
                meta_keys=('sample_idx', 'img_path', 'image_id', 'ori_shape')),
        ]))
