# The small VOC-shaped set for the boundary network; no folder of masks stands in for the seeds.
# Trained and walked on the images whose maps voc_mini_cls.py extracts.
# MMWSSS_VOC_MINI: its VOC2012 folder. MMWSSS_LABELS: the seeds.
_base_ = './voc12_boundary_512.py'
data_root = '{{$MMWSSS_VOC_MINI:data/voc_mini/VOCdevkit/VOC2012}}'
crop_size = (256, 256)
train_dataloader = dict(
    batch_size=16,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        data_root=data_root,
        ann_file='ImageSets/Segmentation/train.txt',
        pipeline=[
            dict(type='LoadImageFromFile', color_type='color_ignore_orientation'),
            dict(type='LoadSegLabels'),
            dict(
                type='RandomChoice',
                transforms=[[dict(
                    type='Resize', scale_factor=percent / 100, keep_ratio=True,
                    interpolation='bicubic')] for percent in range(60, 111, 5)]),
            dict(type='RandomCrop', crop_size=crop_size),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackSegInputs'),
        ]))
test_dataloader = dict(
    num_workers=0,
    dataset=dict(data_root=data_root, ann_file='ImageSets/Segmentation/train.txt'))
