# Your images, a label file and a class list; no masks are needed (docs/pipeline.md).
# MMWSSS_OWN_IMAGES: folder of images.
# MMWSSS_OWN_LABELS: our JSON, COCO instances, a CSV table, an npy, or a folder (VOC's XML, or one
#                    folder of images a class).
# MMWSSS_OWN_CLASSES: file with a class a line, in label order; voc; coco. Default: those of the
#                    labels.
# MMWSSS_OWN_MASKS: folder of masks ID.png to judge with, if there are any; never trained on.
# MMWSSS_OWN_VAL: list of ids held out. Default: every 10th image; with masks, every 5th that has one.
# With one class, ReCAM's predictor learns nothing and maps come from the classifier (docs/own_data.md).
# MMWSSS_OWN_NETWORK: effnetlite0 (frozen, for CPUs; MMWSSS_WEIGHTS), r50 (ResNet-50 classifier and
#                    ResNet-101 segmentation, for GPUs), r18 (from scratch, for rendered toys).
_base_ = '../_base_/pipelines/wsss.py'
title = 'own data'
images = '{{$MMWSSS_OWN_IMAGES:data/own/images}}'
labels = '{{$MMWSSS_OWN_LABELS:data/own/labels.csv}}'
masks = '{{$MMWSSS_OWN_MASKS:none}}'
given = dict(classes='{{$MMWSSS_OWN_CLASSES:none}}', val='{{$MMWSSS_OWN_VAL:none}}', masks=masks)
given = {name: value for name, value in given.items() if value != 'none'}
network = '{{$MMWSSS_OWN_NETWORK:effnetlite0}}'
configs = dict(
    effnetlite0=dict(
        cam='recam/cam_effnetlite0_vocmini.py', recam='recam/recam_effnetlite0_vocmini.py',
        seeds='irn/seeds_vocmini.py', irn='irn/irn_effnetlite0_vocmini.py',
        segmentation='grm/deeplabv2_effnetlite0_grm_vocmini.py'),
    r50=dict(
        cam='recam/cam_r50_voc.py', recam='recam/recam_r50_voc.py', seeds='irn/seeds_voc.py',
        irn='irn/irn_r50_voc.py', segmentation='grm/deeplabv2_r101_grm_voc.py'),
    r18=dict(
        cam='recam/cam_r18_toy.py', recam='recam/recam_r18_toy.py', seeds='irn/seeds_toy.py',
        irn='irn/irn_r18_toy.py', segmentation='grm/deeplabv2_r18_grm_toy.py'))[network]
start = dict(r18='{classifier.checkpoint}').get(network)  # its boundary network has no other weights
suffixes = ['.jpg', '.jpeg', '.png', '.JPG', '.JPEG', '.PNG']
data = dict(
    name='own data',
    images=images,
    train_list='{labels.train_list}',
    val_list='{labels.val_list}',
    judge_list='{work}/stages/labels/judged.txt',
    image_labels='{labels.image_labels}',
    train_masks=None if masks == 'none' else masks,
    val_masks=None if masks == 'none' else masks,
    classes='{labels.image_labels}')
weak = dict(
    type='ImageLabelDataset', data_root='', label_file='{image_labels}', ann_file='{train_list}',
    data_prefix='{images}', img_suffix=suffixes)
weak_test = dict(test_dataloader=dict(dataset=weak))
weak_train = dict(
    train_dataloader=dict(dataset=weak),
    val_dataloader=dict(dataset=dict(weak, ann_file='{val_list}')),
    val_evaluator=[
        dict(type='PresentClassAveragePrecision'),
        dict(type='MultiLabelMetric', thr=0.5, items=['precision', 'recall', 'f1-score'])
    ])
pixels = dict(type='FolderSegDataset', data_root='', img_suffix=suffixes)
pixels_train = dict(
    train_dataloader=dict(dataset=dict(
        pixels, ann_file='{train_list}',
        data_prefix=dict(img_path='{images}', seg_map_path='{labels}'))))
pixels_val = dict(dataset=dict(
    pixels, ann_file='{val_list}',
    data_prefix=dict(img_path='{images}', seg_map_path='{val_masks}')))
stages = dict(
    labels=dict(
        _delete_=True,
        title='image-level labels and lists',
        tool='tools/prepare_own_data.py',
        inputs=dict(
            images=images, source=labels,
            **{name: value for name, value in given.items() if value not in ('voc', 'coco')}),
        outputs=dict(
            image_labels='image_labels.json', train_list='train.txt', val_list='val.txt',
            figures='figures.json'),
        args=['{images}', '{source}', '--out', '{stage}'] + [
            word for name, value in given.items() for word in (f'--{name}', value)],
        key_figure=dict(metric='images', name='images')),
    graph=dict(
        title='class graph: a ready one that knows the classes, else co-occurrences',
        inputs=dict(image_labels='{data.image_labels}', train_list='{data.train_list}'),
        args=[
            '--graph', 'auto', '--labels', '{image_labels}', '--list', '{train_list}', '--out',
            '{graph}', '--picture', '{picture}', '--json', '{figures}'
        ]),
    check=dict(
        args=[  # of the images held out too
            '{image_labels}', '--images', '{images}', '--classes', '{data.classes}', '--json',
            '{figures}'
        ]),
    classifier=dict(
        train=f'configs/{configs["cam"]}', inputs=dict(val_list='{data.val_list}'),
        options=weak_train),
    recam=dict(
        train=f'configs/{configs["recam"]}', inputs=dict(val_list='{data.val_list}'),
        options=weak_train),
    maps=dict(test=f'configs/{configs["recam"]}', options=weak_test),
    seeds=dict(test=f'configs/{configs["seeds"]}', options=weak_test),
    boundary=dict(
        train=f'configs/{configs["irn"]}',
        inputs=dict(seeds=None, labels='{seeds.labels}', start=start),
        env=dict(MMWSSS_LABELS='{labels}'),
        options=dict(pixels_train, load_from=start and '{start}')),
    walk=dict(test=f'configs/{configs["irn"]}', options=weak_test),
    segmentation=dict(
        train=f'configs/{configs["segmentation"]}',
        inputs=dict(
            val_list='{data.val_list}', val_masks='{data.val_masks}', graph='{graph.graph}'),
        options=dict(
            pixels_train, val_dataloader=pixels_val,
            model=dict(decode_head=dict(graph='{graph}')))),
    test=dict(
        title='predictions of the images held out, compared with masks where there are any',
        test=f'configs/{configs["segmentation"]}',
        inputs=dict(graph='{graph.graph}'),
        options={
            'test_dataloader.dataset': dict(
                pixels, ann_file='{val_list}', data_prefix=dict(img_path='{images}')),
            'test_dataloader.dataset.data_prefix.seg_map_path': '{val_masks}',
            'model.decode_head.graph': '{graph}'
        }))
