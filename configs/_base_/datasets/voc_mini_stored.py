# The training images of the small VOC-shaped set for test loops over stored activation maps.
# MMWSSS_VOC_MINI: its VOC2012 folder.
_base_ = './voc12_stored.py'
data_root = '{{$MMWSSS_VOC_MINI:data/voc_mini/VOCdevkit/VOC2012}}'
test_dataloader = dict(
    dataset=dict(data_root=data_root, ann_file='ImageSets/Segmentation/train.txt'))
