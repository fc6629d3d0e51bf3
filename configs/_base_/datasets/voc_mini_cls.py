# A small VOC-shaped set (1,786 training and 232 validation images, longer side 384) with
# image-level labels. MMWSSS_VOC_MINI: its VOC2012 folder. MMWSSS_IMAGE_LABELS: as for VOC
# (tools/make_image_labels.py masks). Maps are extracted of the images with official masks.
_base_ = './voc12_cls_512.py'
data_root = '{{$MMWSSS_VOC_MINI:data/voc_mini/VOCdevkit/VOC2012}}'
train_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        data_root=data_root,
        pipeline=[
            dict(type='LoadAnyImage'),
            dict(
                type='RandomLongSideCrop',
                long_side=(160, 320),
                crop_size=192,
                pad_value=(127.5, 127.5, 127.5)),
            dict(type='RandomFlip', prob=0.5, direction='horizontal'),
            dict(type='PackInputs', meta_keys={{_base_.meta_keys}}),
        ]))
val_dataloader = dict(
    num_workers=0, persistent_workers=False, dataset=dict(data_root=data_root))
val_evaluator = [
    dict(type='PresentClassAveragePrecision'),
    dict(type='MultiLabelMetric', thr=0.5, items=['precision', 'recall', 'f1-score']),
    dict(
        type='PseudoLabelQuality', prefix='seed', masks=f'{data_root}/SegmentationClassAug', num_classes=21,
        missing='skip')
]
test_dataloader = dict(
    num_workers=0,
    dataset=dict(data_root=data_root, ann_file='ImageSets/Segmentation/train.txt'))
