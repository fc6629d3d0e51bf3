# P-GNN on ResNet-50.
_base_ = './pgnn_r101_voc.py'
model = dict(backbone=dict(
    depth=50, init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50')))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_r50_voc/activations'))
test_evaluator = dict(out='work_dirs/pgnn_r50_voc/activations')
