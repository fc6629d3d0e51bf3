# A of the loss is the current map, with its gradient (plain CAM).
_base_ = './pgnn_effnetlite0_cam_sc_vocmini.py'
model = dict(head=dict(attention='current'))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_effnetlite0_current_vocmini/activations'))
test_evaluator = dict(out='work_dirs/pgnn_effnetlite0_current_vocmini/activations')
