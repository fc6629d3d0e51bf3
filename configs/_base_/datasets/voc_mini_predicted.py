# The same of the small VOC-shaped set. MMWSSS_VOC_MINI: its VOC2012 folder.
_base_ = './voc12_predicted.py'
data_root = '{{$MMWSSS_VOC_MINI:data/voc_mini/VOCdevkit/VOC2012}}'
test_dataloader = dict(num_workers=0, dataset=dict(data_root=data_root))
