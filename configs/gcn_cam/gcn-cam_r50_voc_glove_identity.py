# Fig. 10: GloVe vectors, no graph. docs/class_graphs.md: how to make the graph.
_base_ = './gcn-cam_r50_voc.py'
model = dict(head=dict(graph='{{$MMWSSS_GRAPHS:data/graphs}}/voc_glove.npz', adjacency='identity'))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/gcn-cam_r50_voc_glove_identity/activations'))
test_evaluator = dict(out='work_dirs/gcn-cam_r50_voc_glove_identity/activations')
