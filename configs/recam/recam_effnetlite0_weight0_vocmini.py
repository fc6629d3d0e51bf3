# Control: as many more iterations as recam_effnetlite0_vocmini.py, without ReCAM's loss.
_base_ = './recam_effnetlite0_vocmini.py'
model = dict(head=dict(loss_sce_weight=0., cam_weights='classifier'))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/recam_effnetlite0_weight0_vocmini/activations'))
test_evaluator = dict(out='work_dirs/recam_effnetlite0_weight0_vocmini/activations')
