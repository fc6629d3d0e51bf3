# A small VOC-shaped set. MMWSSS_VOC_MINI: its VOC2012 folder. Unlike in the configs by themselves,
# maps and labels are made of all 1,786 training images, which the segmentation network then sees.
data = dict(
    name='small VOC-shaped set',
    root='{{$MMWSSS_VOC_MINI:data/voc_mini/VOCdevkit/VOC2012}}',
    images='JPEGImages',
    suffix='.jpg',
    train_list='ImageSets/Segmentation/train_aug.txt',
    val_list='ImageSets/Segmentation/val.txt',
    judge_list='ImageSets/Segmentation/train.txt',
    image_labels='{{$MMWSSS_IMAGE_LABELS:image_labels.json}}',
    train_masks='SegmentationClassAug',
    val_masks='SegmentationClassAug',
    classes='voc',
    graph='voc')
