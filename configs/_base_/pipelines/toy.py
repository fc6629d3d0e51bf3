# The rendered scenes of tools/make_toy_dataset.py. MMWSSS_TOY: their folder.
data = dict(
    name='toy',
    root='{{$MMWSSS_TOY:data/toy}}',
    images='JPEGImages',
    suffix='.jpg',
    train_list='ImageSets/Segmentation/train.txt',
    val_list='ImageSets/Segmentation/val.txt',
    image_labels='image_labels.json',
    train_masks='SegmentationClass',
    val_masks='SegmentationClass',
    classes='voc',
    graph='voc')
