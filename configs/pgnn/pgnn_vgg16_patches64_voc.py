# Table 5: 64 patches an image.
_base_ = './pgnn_vgg16_voc.py'
model = dict(head=dict(patches=8))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_vgg16_patches64_voc/activations'))
test_evaluator = dict(out='work_dirs/pgnn_vgg16_patches64_voc/activations')
