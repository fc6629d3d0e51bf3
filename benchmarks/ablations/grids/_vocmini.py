# What the grids of the small VOC-shaped set share. Paths are absolute or from where run.py starts.
classes = ['background', 'cat', 'cow', 'dog', 'horse', 'person', 'sheep']
gt = '{{$MMWSSS_VOC_MINI:data/voc_mini/VOCdevkit/VOC2012}}/SegmentationClassAug'
ids = '{{$MMWSSS_VOC_MINI:data/voc_mini/VOCdevkit/VOC2012}}/ImageSets/Segmentation/train.txt'
seeds = [0, 1, 2]
