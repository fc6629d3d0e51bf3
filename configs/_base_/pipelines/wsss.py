# The stages that the methods share; pipelines name the configs, and drop (None) or add stages.
# docs/pipeline.md describes this file.
seed = 0
stages = dict(
    labels=None,
    graph=dict(
        title='class graph',
        tool='tools/choose_class_graph.py',
        outputs=dict(graph='graph.npz', picture='graph.png', figures='figures.json'),
        args=[
            '--graph', '{data.graph}', '--classes', '{data.classes}', '--out', '{graph}',
            '--picture', '{picture}', '--json', '{figures}'
        ],
        key_figure=dict(metric='classes', name='classes')),
    check=dict(
        title='image-level labels, checked',
        tool='tools/check_image_labels.py',
        inputs=dict(
            image_labels='{data.image_labels}', images='{data.images}',
            train_list='{data.train_list}'),
        outputs=dict(figures='figures.json'),
        args=[
            '{image_labels}', '--images', '{images}', '--list', '{train_list}', '--classes',
            '{data.classes}', '--json', '{figures}'
        ],
        key_figure=dict(metric='images', name='images')),
    classifier=dict(
        title='classifier from image-level labels',
        inputs=dict(
            images='{data.images}', image_labels='{data.image_labels}',
            train_list='{data.train_list}'),
        env=dict(MMWSSS_IMAGE_LABELS='{image_labels}'),
        key_figure=dict(metric='multi-label/mAP', name='mAP', unit='%')),
    recam=dict(
        title='ReCAM predictor on the classifier',
        inputs=dict(
            images='{data.images}', image_labels='{data.image_labels}',
            train_list='{data.train_list}', start='{classifier.checkpoint}'),
        env=dict(MMWSSS_IMAGE_LABELS='{image_labels}'),
        options=dict(load_from='{start}'),
        key_figure=dict(metric='multi-label/mAP', name='mAP', unit='%')),
    maps=dict(
        title='activation maps',
        inputs=dict(
            images='{data.images}', image_labels='{data.image_labels}',
            train_list='{data.train_list}', checkpoint='{recam.checkpoint}'),
        outputs=dict(activations='activations'),
        env=dict(MMWSSS_IMAGE_LABELS='{image_labels}'),
        judge='activations',
        key_figure=dict(metric='miou', name='mIoU at the best threshold', unit='%')),
    seeds=dict(
        title='seeds: two thresholds, dense CRF',
        inputs=dict(
            images='{data.images}', image_labels='{data.image_labels}',
            train_list='{data.train_list}', activations='{maps.activations}'),
        outputs=dict(labels='labels'),
        env=dict(MMWSSS_IMAGE_LABELS='{image_labels}', MMWSSS_ACTIVATIONS='{activations}'),
        judge='labels',
        key_figure=dict(metric='miou', name='mIoU where labelled', unit='%')),
    boundary=dict(
        title='boundary network from seeds',
        inputs=dict(
            images='{data.images}', train_list='{data.train_list}', seeds='{seeds.labels}',
            activations='{maps.activations}'),
        env=dict(MMWSSS_LABELS='{seeds}', MMWSSS_ACTIVATIONS='{activations}'),
        key_figure=dict(metric='loss', name='loss')),
    walk=dict(
        title='pseudo labels: random walk along edges',
        inputs=dict(
            images='{data.images}', image_labels='{data.image_labels}',
            train_list='{data.train_list}', checkpoint='{boundary.checkpoint}',
            activations='{maps.activations}'),
        outputs=dict(labels='labels'),
        env=dict(MMWSSS_IMAGE_LABELS='{image_labels}', MMWSSS_ACTIVATIONS='{activations}'),
        judge='labels',
        key_figure=dict(metric='miou', name='mIoU', unit='%')),
    segmentation=dict(
        title='segmentation network',
        inputs=dict(
            images='{data.images}', train_list='{data.train_list}', labels='{walk.labels}'),
        env=dict(MMWSSS_LABELS='{labels}'),
        key_figure=dict(metric='mIoU', name='val mIoU', unit='%')),
    relabel=None,  # a second round, where a pipeline asks for it
    retrain=None,
    test=dict(
        title='test on images with masks',
        inputs=dict(
            images='{data.images}', val_list='{data.val_list}', val_masks='{data.val_masks}',
            checkpoint='{segmentation.checkpoint}'),
        outputs=dict(predictions='predictions'),
        args=['--out', '{predictions}'],
        key_figure=dict(metric='mIoU', name='val mIoU', unit='%')),
    report=dict(
        title='report',
        tool='tools/make_report.py',
        after_all=True,
        outputs=dict(report='../../report.html'),
        args=['{work}', '--out', '{report}']))
