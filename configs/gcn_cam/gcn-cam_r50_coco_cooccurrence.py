# Fig. 10: co-occurrence. docs/class_graphs.md: how to make the graph.
_base_ = './gcn-cam_r50_coco.py'
model = dict(head=dict(graph='{{$MMWSSS_GRAPHS:data/graphs}}/coco_cooccurrence.npz'))
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/gcn-cam_r50_coco_cooccurrence/activations'))
test_evaluator = dict(out='work_dirs/gcn-cam_r50_coco_cooccurrence/activations')
