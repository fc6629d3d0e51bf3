# Control: without the loss of the branch.
_base_ = './gcn-cam_effnetlite0_vocmini.py'
model = dict(head=dict(loss_graph_weight=0.))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/gcn-cam_effnetlite0_lambda0_vocmini/activations'))
test_evaluator = dict(out='work_dirs/gcn-cam_effnetlite0_lambda0_vocmini/activations')
