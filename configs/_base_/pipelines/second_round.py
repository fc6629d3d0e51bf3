# The segmentation network labels its training images, and a new network is trained on these labels
# (docs/pseudo_labels.md). Not from the papers. For pipelines whose stages are those of wsss.py.
relabel = dict(
    _delete_=True,
    title='labels by the segmentation network, dense CRF',
    inputs=dict(
        images='{data.images}', image_labels='{data.image_labels}',
        train_list='{data.train_list}', checkpoint='{segmentation.checkpoint}'),
    outputs=dict(labels='labels'),
    env=dict(MMWSSS_IMAGE_LABELS='{image_labels}'),
    judge='labels',
    key_figure=dict(metric='miou', name='mIoU', unit='%'))
retrain = dict(
    _delete_=True,
    title='segmentation network on these labels, which it updates too',
    inputs=dict(images='{data.images}', train_list='{data.train_list}', labels='{relabel.labels}'),
    env=dict(MMWSSS_LABELS='{labels}'),
    key_figure=dict(metric='mIoU', name='val mIoU', unit='%'))
