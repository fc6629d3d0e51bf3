# Table 5: 4 patches an image.
_base_ = './pgnn_effnetlite0_vocmini.py'
model = dict(head=dict(patches=2))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_effnetlite0_patches4_vocmini/activations'))
test_evaluator = dict(out='work_dirs/pgnn_effnetlite0_patches4_vocmini/activations')
