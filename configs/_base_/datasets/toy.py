# The rendered scenes of tools/make_toy_dataset.py: VOC's folders, lists and class numbers.
# MMWSSS_TOY: its folder. MMWSSS_LABELS: another label folder than the true masks.
_base_ = './voc_mini.py'
data_root = '{{$MMWSSS_TOY:data/toy}}'
crop_size = (96, 96)
train_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        ann_file='ImageSets/Segmentation/train.txt',
        data_prefix=dict(seg_map_path='{{$MMWSSS_LABELS:SegmentationClass}}'),
        pipeline=[
            dict(type='LoadImageFromFile', color_type='color_ignore_orientation'),
            dict(type='LoadSegLabels'),
            dict(type='RandomCrop', crop_size=crop_size),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackSegInputs'),
        ]))
val_dataloader = dict(
    dataset=dict(data_root=data_root, data_prefix=dict(seg_map_path='SegmentationClass')))
test_dataloader = val_dataloader
