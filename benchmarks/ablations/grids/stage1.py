# grm.txt: Table 4 (lambda), Fig. 9 (gamma), Fig. 10 (word vectors x relations), on maps.
_base_ = './_vocmini.py'
title = 'The GCN branch of the classifier: weight, focus, graph, word vectors'
note = 'Maps of the 438 training images with official masks, one scale, not mirrored.'
one_scale = {
    'test_cfg.fp16': True, 'model.test_cam.scales': (1.0, ), 'model.test_cam.flip': False}
gcn = 'configs/gcn_cam/gcn-cam_effnetlite0_vocmini.py'
graphs_dir = '{{$MMWSSS_GRAPHS:data/graphs}}'
heads = {
    **{f'lambda{value}': ('lambda ' + value, dict(loss_graph_weight=float(value)))
       for value in ('0', '9e-5', '9.5e-5', '1e-4', '1.5e-4', '2e-4', '1')},
    **{f'gamma{value}': (f'lambda 1, gamma {value}', dict(
        loss_graph_weight=1., loss_graph=dict(type='MultiLabelFocalLoss', gamma=float(value))))
       for value in (0.5, 1, 3, 5)},
    **{name: (f'lambda 1, {title}', dict(loss_graph_weight=1., **more)) for name, title, more in (
        ('zero_diag', 'ConceptNet rescaled', dict(adjacency='zero_diag')),
        ('cooccurrence', 'co-occurrence', dict(graph='voc_cooccurrence')),
        ('identity', 'identity (control)', dict(adjacency='identity')),
        ('random', 'ConceptNet shuffled by seed (control)',
         dict(graph=graphs_dir + '/voc_random{seed}.npz')),
        ('glove', 'GloVe', dict(graph=graphs_dir + '/voc_glove.npz')),
        ('glove_cooccurrence', 'GloVe, co-occurrence',
         dict(graph=graphs_dir + '/voc_glove_cooccurrence.npz')),
        ('randomwords', 'random vectors (control)', dict(embeddings='random')),
        ('learned', 'learned vectors', dict(embeddings='learned')))}}
entries = dict(
    cam=dict(
        kind='classifier', config='configs/recam/cam_effnetlite0_vocmini.py',
        test_options=one_scale, title='`cam` (control)'),
    **{f'gcn_{name}': dict(
        kind='classifier', config=gcn, title=title, test_options=one_scale,
        options={f'model.head.{key}': value for key, value in more.items()})
        for name, (title, more) in heads.items()})
control = 'cam'
