# The training images of PASCAL VOC 2012 aug, whole, with their image-level labels, for a segmentor that
# labels them. MMWSSS_VOC: root of VOC2012. MMWSSS_IMAGE_LABELS: label file, absolute or inside it.
_base_ = './voc12_stored.py'
test_dataloader = dict(
    num_workers=4,
    dataset=dict(pipeline=[
        dict(type='LoadAnyImage'),
        dict(
            type='mmpretrain.PackInputs',
            meta_keys=('sample_idx', 'img_path', 'image_id', 'ori_shape')),
    ]))
