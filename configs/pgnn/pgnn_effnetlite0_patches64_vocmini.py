# Table 5: 64 patches an image.
_base_ = './pgnn_effnetlite0_vocmini.py'
model = dict(head=dict(patches=8))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_effnetlite0_patches64_vocmini/activations'))
test_evaluator = dict(out='work_dirs/pgnn_effnetlite0_patches64_vocmini/activations')
