# voc12_cls_512.py in groups of three images that share a class; samples say where they lie in their
# image, so that earlier attention maps and proposals follow the augmentation.
_base_ = './voc12_cls_512.py'
data_root = '{{$MMWSSS_VOC:data/VOCdevkit/VOC2012}}'
meta_keys = ('sample_idx', 'img_path', 'image_id', 'ori_shape', 'img_shape', 'resized_shape',
             'crop_offset', 'flip', 'flip_direction')
train_dataloader = dict(
    batch_size=15,
    sampler=dict(_delete_=True, type='SameClassBatchSampler', group_size=3),
    dataset=dict(pipeline=[
        dict(type='LoadAnyImage'),
        dict(
            type='RandomLongSideCrop',
            long_side=(320, 640),
            crop_size=512,
            pad_value=(103.53, 116.28, 123.675)),
        dict(type='RandomFlip', prob=0.5, direction='horizontal'),
        dict(type='PackInputs', meta_keys=meta_keys),
    ]))
val_evaluator = [
    dict(type='AveragePrecision'),
    dict(type='MultiLabelMetric', thr=0.5, items=['precision', 'recall', 'f1-score']),
    dict(
        type='PseudoLabelQuality', prefix='seed', masks=f'{data_root}/SegmentationClass', num_classes=21,
        missing='skip'),
    dict(type='EmbeddingLeak'),
]
