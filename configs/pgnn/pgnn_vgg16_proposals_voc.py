# Patches are the 15 best proposals (MMWSSS_PROPOSALS: any detector, or tools/make_proposals.py).
_base_ = './pgnn_vgg16_voc.py'
model = dict(head=dict(max_boxes=15))
proposals = '{{$MMWSSS_PROPOSALS:data/proposals.json}}'
keys = ('sample_idx', 'img_path', 'image_id', 'ori_shape', 'img_shape', 'resized_shape', 'crop_offset',
        'flip', 'flip_direction')
train_dataloader = dict(
    dataset=dict(pipeline=[
        dict(type='LoadAnyImage'),
        dict(type='LoadProposals', file=proposals, count=15),
        dict(type='RandomLongSideCrop', long_side=(320, 640), crop_size=512, pad_value=(103.53, 116.28, 123.675)),
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
    dataset=dict(pipeline=test_pipeline, skip_stored='work_dirs/pgnn_vgg16_proposals_voc/activations'))
test_evaluator = dict(out='work_dirs/pgnn_vgg16_proposals_voc/activations')
