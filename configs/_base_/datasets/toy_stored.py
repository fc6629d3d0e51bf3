# The rendered scenes of tools/make_toy_dataset.py for test loops over stored activation maps.
# MMWSSS_TOY: their folder.
_base_ = './voc12_stored.py'
data_root = '{{$MMWSSS_TOY:data/toy}}'
test_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        label_file='image_labels.json',
        ann_file='ImageSets/Segmentation/train.txt'))
