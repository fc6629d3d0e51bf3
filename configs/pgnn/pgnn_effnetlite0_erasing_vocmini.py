# The other sign of the erase term: what is left must show the class (plain CAM).
_base_ = './pgnn_effnetlite0_cam_sc_vocmini.py'
model = dict(head=dict(loss_sc=dict(erase_sign=-1)))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_effnetlite0_erasing_vocmini/activations'))
test_evaluator = dict(out='work_dirs/pgnn_effnetlite0_erasing_vocmini/activations')
