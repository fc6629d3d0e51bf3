# A small VOC-shaped set: 1,786 training and 232 validation images, longer side 384. Masks are the
# labels by default: that checks a head, it is not weak supervision.
# MMWSSS_VOC_MINI: its VOC2012 folder. MMWSSS_LABELS: another label folder, e.g. pseudo labels.
_base_ = './voc12_321.py'
data_root = '{{$MMWSSS_VOC_MINI:data/voc_mini/VOCdevkit/VOC2012}}'
crop_size = (192, 192)
train_dataloader = dict(
    batch_size=8,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        data_root=data_root,
        data_prefix=dict(seg_map_path='{{$MMWSSS_LABELS:SegmentationClassAug}}'),
        pipeline=[
            dict(type='LoadImageFromFile', color_type='color_ignore_orientation'),
            dict(type='LoadSegLabels'),
            dict(type='RandomResize', scale=(256, 256), ratio_range=(0.75, 1.5), keep_ratio=True),
            dict(type='RandomCrop', crop_size=crop_size),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackSegInputs'),
        ]))
val_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    dataset=dict(data_root=data_root, data_prefix=dict(seg_map_path='SegmentationClassAug')))
test_dataloader = val_dataloader
