# Fig. 10: GloVe vectors, co-occurrence. docs/class_graphs.md: how to make the graph.
_base_ = './gcn-cam_r50_voc.py'
model = dict(head=dict(graph='{{$MMWSSS_GRAPHS:data/graphs}}/voc_glove_cooccurrence.npz'))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/gcn-cam_r50_voc_glove_cooccurrence/activations'))
test_evaluator = dict(out='work_dirs/gcn-cam_r50_voc_glove_cooccurrence/activations')
