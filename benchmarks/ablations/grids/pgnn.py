# pgnn.txt: Table 4 (parts), Table 5 (patches), Table 6 (lambda), as analogues on maps; each part
# of Table 4 with average and with top-k pooling. The row "full" is also that of 16 patches and of
# lambda (1, 1, 0.8, 1).
_base_ = './_vocmini.py'
title = 'P-GNN: parts, patches, weights of the soft-complementary loss'
note = 'Maps of the 438 training images with official masks, one scale, not mirrored.'
figures = ['leak/absent_predicted']  # in %, of classes that an image does not have
one_scale = {
    'test_cfg.fp16': True, 'model.test_cam.scales': (1.0, ), 'model.test_cam.flip': False}
table = dict(
    cam='plain CAM on the same images (control)',
    cam_sc='plain CAM, SC loss',
    graph='Table 4: patch graph',
    own='patch graph, single images (control)',
    self='patch graph, patches see themselves (control)',
    random='patch graph, random groups (control)',
    vector='context vector, as many parameters (control)',
    fast='patch graph at ten times the rate of the trunk',
    own_fast='the same, single images (control)',
    random_fast='the same, random groups (control)',
    vector_fast='context vector at ten times the rate of the trunk (control)',
    full='Table 4: patch graph, SC loss',
    own_sc='patch graph, single images, SC loss (control)',
    random_sc='patch graph, random groups, SC loss (control)',
    vector_sc='context vector, SC loss (control)',
    uncentered='patch graph, SC loss, context about what too',
    rough='patch graph at ten times the rate of the trunk, SC loss that erases features',
    slow='rough, with the graph at the rate of the trunk',
    erasemaps='rough, with class maps erased',
    centered='rough, with the context about places alone',
    centered_erasemaps='rough, with class maps erased and the context about places alone',
    paper='the literal reading',
    cam_topk='plain CAM, top-k pooling (control of top-k rows)',
    cam_sc_topk='plain CAM, SC loss, top-k pooling',
    graph_topk='patch graph, top-k pooling',
    own_topk='patch graph, single images, top-k pooling (control)',
    random_topk='patch graph, random groups, top-k pooling (control)',
    vector_topk='context vector, top-k pooling (control)',
    topk='patch graph, SC loss, top-k pooling',
    own_sc_topk='patch graph, single images, SC loss, top-k pooling (control)',
    random_sc_topk='patch graph, random groups, SC loss, top-k pooling (control)',
    vector_sc_topk='context vector, SC loss, top-k pooling (control)',
    proposals='patch graph, SC loss, patches: 15 boxes of maps of `cam_sc`, and the rest',
    patches4='Table 5: 4 patches',
    patches36='Table 5: 36 patches',
    patches64='Table 5: 64 patches',
    lambda_1_1_1_1='Table 6: lambda (1, 1, 1, 1)',
    lambda_1_1_1_08='Table 6: lambda (1, 1, 1, 0.8)',
    lambda_1_08_1_1='Table 6: lambda (1, 0.8, 1, 1)',
    lambda_08_1_1_1='Table 6: lambda (0.8, 1, 1, 1)')
entries = {
    f'pgnn_{name}': dict(
        kind='classifier', title=f'`{name}`: {row}', test_options=one_scale,
        control='pgnn_cam_topk' if 'topk' in name and name != 'cam_topk' else
        'pgnn_full' if name.startswith(('patches', 'lambda', 'proposals')) else None,
        config=f'configs/pgnn/pgnn_effnetlite0_{name}_vocmini.py'.replace('_full_', '_'))
    for name, row in table.items()}
rows = list(entries)
# Boxes are made of the maps of all training images.
entries['pgnn_cam_sc_maps'] = dict(
    kind='maps', config='configs/pgnn/pgnn_effnetlite0_cam_sc_vocmini.py',
    checkpoint='{checkpoint:pgnn_cam_sc}', test_options={
        **one_scale, 'test_dataloader.dataset.ann_file': 'ImageSets/Segmentation/train_aug.txt'})
entries['pgnn_boxes'] = dict(kind='command', command=[
    'python', 'tools/make_proposals.py', '--activations', '{maps:pgnn_cam_sc_maps}', '--out',
    '{run}/proposals.json'])
entries['pgnn_proposals']['env'] = dict(MMWSSS_PROPOSALS='{run:pgnn_boxes}/proposals.json')
control = 'pgnn_cam'
