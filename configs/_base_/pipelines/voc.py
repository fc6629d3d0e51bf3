# PASCAL VOC 2012 aug. MMWSSS_VOC: its root (tools/prepare_voc.py). Labels are judged on the 1,464
# images with official masks.
data = dict(
    name='PASCAL VOC 2012 aug',
    root='{{$MMWSSS_VOC:data/VOCdevkit/VOC2012}}',
    images='JPEGImages',
    suffix='.jpg',
    train_list='ImageSets/Segmentation/train_aug.txt',
    val_list='ImageSets/Segmentation/val.txt',
    judge_list='ImageSets/Segmentation/train.txt',
    image_labels='{{$MMWSSS_IMAGE_LABELS:image_labels.json}}',
    train_masks='SegmentationClass',
    val_masks='SegmentationClass',
    classes='voc',
    graph='voc')
