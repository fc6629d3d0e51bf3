# COCO 2014 (82,783 training images, 702 of them without any class) with image-level labels.
# MMWSSS_COCO: its root, prepared by tools/prepare_coco14.py. Validation: 5,000 of its images.
_base_ = './voc12_cls_512.py'
data_root = '{{$MMWSSS_COCO:data/coco2014}}'
train_dataloader = dict(
    dataset=dict(
        type='WeakCOCO14Dataset',
        data_root=data_root,
        label_file='image_labels_train2014.json',
        ann_file='',
        unlabelled='keep'))
val_dataloader = dict(
    dataset=dict(
        type='WeakCOCO14Dataset',
        data_root=data_root,
        label_file='image_labels_val2014.json',
        data_prefix='val2014',
        ann_file='val2014.txt',
        indices=5000))
val_evaluator = [
    dict(type='PresentClassAveragePrecision'),
    dict(type='MultiLabelMetric', thr=0.5, items=['precision', 'recall', 'f1-score']),
    dict(
        type='PseudoLabelQuality', prefix='seed', masks=f'{data_root}/masks_val2014', num_classes=81,
        missing='skip')
]
test_dataloader = dict(
    dataset=dict(
        type='WeakCOCO14Dataset',
        data_root=data_root,
        label_file='image_labels_train2014.json',
        ann_file='',
        unlabelled='keep'))
