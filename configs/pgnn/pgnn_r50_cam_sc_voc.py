# Plain CAM with the soft-complementary loss on ResNet-50: what measured best on the small set.
_base_ = './pgnn_r50_voc.py'
model = dict(head=dict(context='none'))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_r50_cam_sc_voc/activations'))
test_evaluator = dict(out='work_dirs/pgnn_r50_cam_sc_voc/activations')
