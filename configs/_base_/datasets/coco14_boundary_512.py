# COCO 2014 for the boundary network: see voc12_boundary_512.py. Images without any class get
# labels that are all background.
_base_ = './voc12_boundary_512.py'
data_root = '{{$MMWSSS_COCO:data/coco2014}}'
train_dataloader = dict(
    dataset=dict(
        type='COCO14SegDataset',
        data_root=data_root,
        ann_file='train.txt',
        data_prefix=dict(img_path='train2014')))
test_dataloader = dict(
    dataset=dict(
        type='WeakCOCO14Dataset',
        data_root=data_root,
        label_file='image_labels_train2014.json',
        ann_file='',
        unlabelled='keep'))
