# Table 5: 4 patches an image.
_base_ = './pgnn_vgg16_voc.py'
model = dict(head=dict(patches=2))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_vgg16_patches4_voc/activations'))
test_evaluator = dict(out='work_dirs/pgnn_vgg16_patches4_voc/activations')
