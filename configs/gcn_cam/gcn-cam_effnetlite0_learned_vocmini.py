# lambda 1, word vectors that training changes.
_base_ = './gcn-cam_effnetlite0_vocmini.py'
model = dict(head=dict(loss_graph_weight=1.0, embeddings='learned'))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/gcn-cam_effnetlite0_learned_vocmini/activations'))
test_evaluator = dict(out='work_dirs/gcn-cam_effnetlite0_learned_vocmini/activations')
