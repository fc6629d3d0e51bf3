# The training images of PASCAL VOC 2012 aug, for test loops over stored activation maps: the images
# themselves are not loaded, only their ids and image-level labels.
# MMWSSS_VOC: root of VOC2012. MMWSSS_IMAGE_LABELS: label file, absolute or inside that root.
data_root = '{{$MMWSSS_VOC:data/VOCdevkit/VOC2012}}'
# Each process writes its own images, none twice: no rounding up.
test_dataloader = dict(
    batch_size=4,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type='WeakVOCDataset',
        data_root=data_root,
        label_file='{{$MMWSSS_IMAGE_LABELS:image_labels.json}}',
        ann_file='ImageSets/Segmentation/train_aug.txt',
        test_mode=True,
        pipeline=[dict(type='PackInputs', meta_keys=('img_path', 'image_id'))]))
test_cfg = dict(type='TestLoop')
