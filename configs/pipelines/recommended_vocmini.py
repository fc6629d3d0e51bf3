# The chain with the best figures of docs/results.md: log-sum-exp pooling, ReCAM, walk, careful label
# updates, a second round of both on the network's own labels, dense CRF at test; no class graph.
_base_ = './recam_vocmini.py'
title = 'What measured best, on the small VOC-shaped set'
stages = dict(
    classifier=dict(train='configs/recam/cam_effnetlite0_lse_vocmini.py'),
    recam=dict(train='configs/recam/recam_effnetlite0_lse_vocmini.py'),
    maps=dict(test='configs/recam/recam_effnetlite0_lse_vocmini.py'),
    segmentation=dict(
        title='segmentation network, its labels updated as it trains',
        train='configs/mc/deeplabv2_effnetlite0_mc_vocmini.py'),
    relabel=dict(
        _delete_=True,
        title='labels by the segmentation network, dense CRF',
        test='configs/retrain/labels_aspp_effnetlite0_vocmini.py',
        inputs=dict(
            images='{data.images}', image_labels='{data.image_labels}',
            train_list='{data.train_list}', checkpoint='{segmentation.checkpoint}'),
        outputs=dict(labels='labels'),
        env=dict(MMWSSS_IMAGE_LABELS='{image_labels}'),
        judge='labels',
        key_figure=dict(metric='miou', name='mIoU', unit='%')),
    retrain=dict(
        _delete_=True,
        title='segmentation network on these labels, which it updates too',
        train='configs/mc/deeplabv2_effnetlite0_mc_vocmini.py',
        inputs=dict(
            images='{data.images}', train_list='{data.train_list}', labels='{relabel.labels}'),
        env=dict(MMWSSS_LABELS='{labels}'),
        key_figure=dict(metric='mIoU', name='val mIoU', unit='%')),
    test=dict(
        title='test on images with masks, dense CRF',
        test='configs/mc/deeplabv2_effnetlite0_mc_vocmini.py',
        inputs=dict(checkpoint='{retrain.checkpoint}'),
        args=['--out', '{predictions}', '--crf', 'deeplab']))
