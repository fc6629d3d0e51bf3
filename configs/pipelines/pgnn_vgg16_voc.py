# P-GNN on PASCAL VOC 2012 with VGG-16 (its Table 2): classifier, IRN, DeepLab-LargeFOV whose labels are
# updated.
_base_ = './pgnn_voc.py'
title = 'P-GNN on PASCAL VOC 2012, VGG-16'
stages = dict(
    classifier=dict(train='configs/pgnn/pgnn_vgg16_voc.py'),
    maps=dict(test='configs/pgnn/pgnn_vgg16_voc.py'),
    segmentation=dict(train='configs/mc/deeplabv2_vgg16_mc_voc.py'),
    test=dict(test='configs/mc/deeplabv2_vgg16_mc_voc.py'))
