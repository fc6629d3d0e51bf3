# PASCAL VOC 2012 aug (10,582 images) with image-level labels; the published augmentation.
# MMWSSS_VOC: root of VOC2012. MMWSSS_IMAGE_LABELS: label file, absolute or inside that root
# (tools/prepare_voc.py). Validation scores the classes and, where it finds masks, the activation
# maps; training reads image-level labels only. Testing extracts maps of the training images.
data_root = '{{$MMWSSS_VOC:data/VOCdevkit/VOC2012}}'
label_file = '{{$MMWSSS_IMAGE_LABELS:image_labels.json}}'
# Training samples say where they lie in their image: earlier attention maps and proposals follow
# the augmentation.
meta_keys = ('sample_idx', 'img_path', 'image_id', 'ori_shape', 'img_shape', 'resized_shape',
             'crop_offset', 'flip', 'flip_direction')
train_pipeline = [
    dict(type='LoadAnyImage'),
    dict(
        type='RandomLongSideCrop',
        long_side=(320, 640),
        crop_size=512,
        pad_value=(103.53, 116.28, 123.675)),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='PackInputs', meta_keys=meta_keys)
]
test_pipeline = [
    dict(type='LoadAnyImage'),
    dict(type='PackInputs', meta_keys=('sample_idx', 'img_path', 'image_id', 'ori_shape'))
]
train_dataloader = dict(
    batch_size=16,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='ResumableInfiniteSampler', shuffle=True),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type='WeakVOCDataset',
        data_root=data_root,
        label_file=label_file,
        ann_file='ImageSets/Segmentation/train_aug.txt',
        pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type='WeakVOCDataset',
        data_root=data_root,
        label_file=label_file,
        ann_file='ImageSets/Segmentation/val.txt',
        test_mode=True,
        pipeline=test_pipeline))
val_evaluator = [
    dict(type='PresentClassAveragePrecision'),
    dict(type='MultiLabelMetric', thr=0.5, items=['precision', 'recall', 'f1-score']),
    dict(
        type='PseudoLabelQuality', prefix='seed', masks=f'{data_root}/SegmentationClass', num_classes=21,
        missing='skip')
]
# Each process writes its own images, none twice: no rounding up.
test_dataloader = dict(
    batch_size=4,
    num_workers=4,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type='WeakVOCDataset',
        data_root=data_root,
        label_file=label_file,
        ann_file='ImageSets/Segmentation/train_aug.txt',
        test_mode=True,
        pipeline=test_pipeline))
test_evaluator = dict(type='ActivationWriter')
