# Table 4, CAMs: plain CAM on the same images.
_base_ = './pgnn_vgg16_graph_voc.py'
model = dict(head=dict(context='none'))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_vgg16_cam_voc/activations'))
test_evaluator = dict(out='work_dirs/pgnn_vgg16_cam_voc/activations')
