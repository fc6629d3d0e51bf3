# The training images of COCO 2014 for test loops over stored activation maps, those without any
# class included. MMWSSS_COCO: its root.
_base_ = './voc12_stored.py'
data_root = '{{$MMWSSS_COCO:data/coco2014}}'
test_dataloader = dict(
    dataset=dict(
        type='WeakCOCO14Dataset',
        data_root=data_root,
        label_file='image_labels_train2014.json',
        ann_file='',
        unlabelled='keep'))
