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
            dict(type='PackInputs'),
        ]))
val_dataloader = dict(dataset=dict(data_root=data_root, label_file='image_labels.json'))
test_dataloader = dict(dataset=dict(data_root=data_root, label_file='image_labels.json'))
