# The rendered scenes of tools/make_toy_dataset.py for the boundary network.
# MMWSSS_TOY: their folder. MMWSSS_LABELS: the seeds.
_base_ = './voc_mini_boundary.py'
data_root = '{{$MMWSSS_TOY:data/toy}}'
crop_size = (96, 96)
train_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        ann_file='ImageSets/Segmentation/train.txt',
        pipeline=[
            dict(type='LoadImageFromFile', color_type='color_ignore_orientation'),
            dict(type='LoadSegLabels'),
            dict(type='RandomCrop', crop_size=crop_size),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackSegInputs'),
        ]))
test_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        label_file='image_labels.json',
        ann_file='ImageSets/Segmentation/train.txt'))
