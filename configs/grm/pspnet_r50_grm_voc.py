# GRM in an unchanged MMSegmentation config: the first three statements; then pseudo labels for it.
_base_ = 'mmseg::pspnet/pspnet_r50-d8_4xb4-20k_voc12aug-512x512.py'
custom_imports = dict(imports=['mmwsss'])
model = dict(
    decode_head=dict(_delete_=True, type='GRMHead', graph='voc', head=_base_.model.decode_head))

data_root = '{{$MMWSSS_VOC:data/VOCdevkit/VOC2012}}'
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='VOC12SegDataset',
        data_root=data_root,
        ann_file='ImageSets/Segmentation/train_aug.txt',
        data_prefix=dict(img_path='JPEGImages', seg_map_path='{{$MMWSSS_LABELS:PseudoLabels}}'),
        pipeline=_base_.train_pipeline))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = val_dataloader
custom_hooks = [dict(type='PreflightHook'), dict(type='ExactResumeHook')]
