# ReCAM on rendered scenes, from cam_r18_toy.py.
_base_ = './cam_r18_toy.py'
model = dict(head=dict(type='ReCAMHead'))
load_from = 'work_dirs/cam_r18_toy/iter_600.pth'
test_dataloader = dict(dataset=dict(skip_stored='work_dirs/recam_r18_toy/activations'))
test_evaluator = dict(out='work_dirs/recam_r18_toy/activations')
