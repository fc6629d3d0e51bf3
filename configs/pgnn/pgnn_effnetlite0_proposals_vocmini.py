# Patches are the 15 best proposals (MMWSSS_PROPOSALS, tools/make_proposals.py) and the background.
_base_ = './pgnn_effnetlite0_vocmini.py'
model = dict(head=dict(max_boxes=15))
proposals = '{{$MMWSSS_PROPOSALS:data/proposals.json}}'
keys = ('sample_idx', 'img_path', 'image_id', 'ori_shape', 'img_shape', 'resized_shape', 'crop_offset',
        'flip', 'flip_direction')
train_dataloader = dict(
    dataset=dict(pipeline=[
        dict(type='LoadAnyImage'),
        dict(type='LoadProposals', file=proposals, count=15),
        dict(type='RandomLongSideCrop', long_side=(160, 320), crop_size=192, pad_value=(127.5, 127.5, 127.5)),
        dict(type='RandomFlip', prob=0.5, direction='horizontal'),
        dict(type='PackInputs', meta_keys=keys, algorithm_keys=('proposals', )),
    ]))
test_pipeline = [
    dict(type='LoadAnyImage'),
    dict(type='LoadProposals', file=proposals, count=15),
    dict(
        type='PackInputs',
        meta_keys=('sample_idx', 'img_path', 'image_id', 'ori_shape'),
        algorithm_keys=('proposals', ))
]
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(
    dataset=dict(pipeline=test_pipeline, skip_stored='work_dirs/pgnn_effnetlite0_proposals_vocmini/activations'))
test_evaluator = dict(out='work_dirs/pgnn_effnetlite0_proposals_vocmini/activations')
