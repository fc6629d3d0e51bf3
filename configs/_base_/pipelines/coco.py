# COCO 2014. MMWSSS_COCO: its root (tools/prepare_coco14.py --masks). Validation images have their
# own folder; the report shows training images.
data = dict(
    name='COCO 2014',
    root='{{$MMWSSS_COCO:data/coco2014}}',
    images='train2014',
    val_images='val2014',
    suffix='.jpg',
    train_list='train.txt',
    val_list='val.txt',
    image_labels='image_labels_train2014.json',
    train_masks='masks_train2014',
    val_masks='masks_val2014',
    classes='coco',
    graph='coco')
