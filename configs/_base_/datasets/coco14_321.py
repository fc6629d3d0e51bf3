# COCO 2014 (82,783 images, 81 classes) with pseudo labels; the rest as VOC.
# MMWSSS_COCO: root with train2014, val2014, train.txt, val.txt and label folders (tools/prepare_coco14.py
# makes lists and masks_val2014).
_base_ = './voc12_321.py'
data_root = '{{$MMWSSS_COCO:data/coco2014}}'
train_dataloader = dict(
    dataset=dict(
        type='COCO14SegDataset',
        data_root=data_root,
        ann_file='train.txt',
        data_prefix=dict(img_path='train2014')))
val_dataloader = dict(
    dataset=dict(
        type='COCO14SegDataset',
        data_root=data_root,
        ann_file='val.txt',
        data_prefix=dict(img_path='val2014', seg_map_path='masks_val2014')))
test_dataloader = val_dataloader
