# From image-level labels to label maps of all 1,786 training images: entries that other grids use.
# Settings as in docs/results.md, but for labels by one threshold, which is each run's best on the
# 438 training images with official masks. On these all maps and labels are judged.
everything = {'test_dataloader.dataset.ann_file': 'ImageSets/Segmentation/train_aug.txt'}
maps_options = {'test_cfg.fp16': True, **everything}
one_threshold = {
    'test_evaluator.0.rule._delete_': True,
    'test_evaluator.0.rule.kind': 'threshold',
    'test_evaluator.0.rule.normalize': 'class',
    **everything,
}
cam = 'configs/recam/cam_effnetlite0_vocmini.py'
lse = 'configs/recam/cam_effnetlite0_lse_vocmini.py'
seeds_config = 'configs/irn/seeds_vocmini.py'
classifiers = dict(
    cam=dict(kind='classifier', config=cam, title='maps: CAM'),
    cam_lse=dict(kind='classifier', config=lse, title='maps: CAM, log-sum-exp pooling'),
    gcn=dict(
        kind='classifier', config='configs/gcn_cam/gcn-cam_effnetlite0_vocmini.py',
        title='maps: CAM + GCN'),
    gcn_identity=dict(
        kind='classifier', config='configs/gcn_cam/gcn-cam_effnetlite0_vocmini.py',
        options={'model.head.adjacency': 'identity'},
        title='maps: CAM + GCN, identity graph (control)'),
    recam=dict(
        kind='classifier', config='configs/recam/recam_effnetlite0_lse_vocmini.py',
        options=dict(load_from='{checkpoint:cam_lse}'), title='maps: ReCAM', control='cam_lse'),
    recam_weight0=dict(
        kind='classifier', config='configs/recam/recam_effnetlite0_lse_weight0_vocmini.py',
        options=dict(load_from='{checkpoint:cam_lse}'), control='cam_lse',
        title='maps: as long as ReCAM, without its loss (control)'),
    cam_sc=dict(
        kind='classifier', config='configs/pgnn/pgnn_effnetlite0_cam_sc_vocmini.py',
        title='maps: CAM, soft-complementary loss'),
    pgnn=dict(
        kind='classifier', config='configs/pgnn/pgnn_effnetlite0_vocmini.py',
        title='maps: P-GNN'),
    pgnn_own=dict(
        kind='classifier', config='configs/pgnn/pgnn_effnetlite0_vocmini.py',
        options={'model.head.graph.scope': 'own'},
        title='maps: P-GNN, single images (control)'))
classifiers = {name: dict(entry, test_options=maps_options) for name, entry in classifiers.items()}
crf_labels = {
    f'{name}_crf': dict(
        kind='labels', config=seeds_config, env=dict(MMWSSS_ACTIVATIONS='{maps:%s}' % name),
        options={**one_threshold, 'test_evaluator.0.rule.threshold': '{threshold:%s}' % name},
        title=f'labels: `{name}`, its best threshold, CRF', control='cam_crf')
    for name in classifiers}
label_entries = {
    **classifiers, **crf_labels,
    'seeds': dict(
        kind='labels', config=seeds_config, env=dict(MMWSSS_ACTIVATIONS='{maps:recam}'),
        title='labels: seeds of the boundary network', control='cam_crf'),
    'walk': dict(
        kind='boundary', config='configs/irn/irn_effnetlite0_vocmini.py',
        env=dict(MMWSSS_LABELS='{labels:seeds}', MMWSSS_ACTIVATIONS='{maps:recam}'),
        test_options=everything, title='labels: walk on ReCAM', control='cam_crf'),
    'seeds_sc': dict(
        kind='labels', config='configs/irn/seeds_sc_vocmini.py', control='cam_crf',
        env=dict(MMWSSS_ACTIVATIONS='{maps:cam_sc}'),
        title='labels: seeds of the boundary network, of `cam_sc`'),
    'walk_sc': dict(
        kind='boundary', config='configs/irn/irn_effnetlite0_sc_vocmini.py',
        env=dict(MMWSSS_LABELS='{labels:seeds_sc}', MMWSSS_ACTIVATIONS='{maps:cam_sc}'),
        test_options=everything, title='labels: walk on `cam_sc`', control='walk')}
