# A of the loss is the larger of the map of the epoch before and the current one (plain CAM).
_base_ = './pgnn_effnetlite0_cam_sc_vocmini.py'
model = dict(head=dict(attention='union'))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/pgnn_effnetlite0_union_vocmini/activations'))
test_evaluator = dict(out='work_dirs/pgnn_effnetlite0_union_vocmini/activations')
