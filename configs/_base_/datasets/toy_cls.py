# The rendered scenes of tools/make_toy_dataset.py with their image-level labels.
# MMWSSS_TOY: its folder.
_base_ = './voc_mini_cls.py'
data_root = '{{$MMWSSS_TOY:data/toy}}'
train_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        label_file='image_labels.json',
        ann_file='ImageSets/Segmentation/train.txt',
        pipeline=[
            dict(type='LoadAnyImage'),
            dict(
                type='RandomLongSideCrop',
                long_side=(96, 160),
                crop_size=96,
                pad_value=(127.5, 127.5, 127.5)),
            dict(type='RandomFlip', prob=0.5, direction='horizontal'),
            dict(type='PackInputs', meta_keys={{_base_.meta_keys}}),
        ]))
val_dataloader = dict(dataset=dict(data_root=data_root, label_file='image_labels.json'))
val_evaluator = [
    dict(type='PresentClassAveragePrecision'),
    dict(type='MultiLabelMetric', thr=0.5, items=['precision', 'recall', 'f1-score']),
    dict(
        type='PseudoLabelQuality', prefix='seed', masks=f'{data_root}/SegmentationClass', num_classes=21,
        missing='skip')
]
test_dataloader = dict(dataset=dict(data_root=data_root, label_file='image_labels.json'))
