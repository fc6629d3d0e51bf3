# A small VOC-shaped set. MMWSSS_VOC_MINI: its VOC2012 folder. Unlike in the configs by themselves,
# maps and labels are made of all 1,786 training images, which the segmentation network then sees.
_base_ = './voc.py'
data = dict(
    name='small VOC-shaped set',
    root='{{$MMWSSS_VOC_MINI:data/voc_mini/VOCdevkit/VOC2012}}',
    train_masks='SegmentationClassAug',
    val_masks='SegmentationClassAug')
