# The whole chain from image-level labels, step by step, each with its control.
_base_ = ['./_vocmini.py', './_labels.py']
title = 'The chain: maps, labels, students'
note = 'Students are trained on the label maps that their row names.'
student = 'configs/grm/deeplabv2_effnetlite0_%s_vocmini.py'
mc = 'configs/mc/deeplabv2_effnetlite0_%s_vocmini.py'
# name: config, labels, control, title
table = dict(
    s_cam=(student % 'aspp', 'cam_crf', None, 'aspp on CAM (control)'),
    s_gcn=(student % 'aspp', 'gcn_crf', None, 'aspp on CAM + GCN'),
    s_gcn_identity=(student % 'aspp', 'gcn_identity_crf', None,
                    'aspp on CAM + GCN, identity graph (control)'),
    s_cam_sc=(student % 'aspp', 'cam_sc_crf', None, 'aspp on CAM + soft-complementary loss'),
    s_pgnn=(student % 'aspp', 'pgnn_crf', None, 'aspp on P-GNN'),
    s_pgnn_own=(student % 'aspp', 'pgnn_own_crf', None,
                'aspp on P-GNN, single images (control)'),
    s_recam=(student % 'aspp', 'recam_crf', None, 'aspp on ReCAM'),
    s_recam_weight0=(student % 'aspp', 'recam_weight0_crf', None,
                     'aspp on maps without the loss of ReCAM (control)'),
    s_walk=(student % 'aspp', 'walk', 's_recam', 'aspp on ReCAM + walk'),
    s_walk_sc=(student % 'aspp', 'walk_sc', 's_walk', 'aspp on `cam_sc` + walk'),
    s_pixelresidual=(student % 'pixelresidual', 'walk', 's_walk',
                     'walk, x + MLP(x) (control)'),
    s_globalcontext=(student % 'globalcontext', 'walk', 's_walk',
                     'walk, x + MLP(GAP(x)) (control)'),
    s_grm=(student % 'grm_coarse', 'walk', 's_walk', 'walk, + GRM'),
    s_grm_reference=(student % 'grm_reference', 'walk', 's_walk', 'walk, + published GRM'),
    s_grm_identity=(student % 'grm_identity', 'walk', 's_walk',
                    'walk, + GRM, identity graph (control)'),
    s_mc=(mc % 'mc', 'walk', 's_walk', 'walk, + label updates'),
    s_sc_mc=(mc % 'mc', 'walk_sc', 's_mc', '`cam_sc`, walk, + label updates'),
    s_grm_mc=(mc % 'grm_mc', 'walk', 's_grm', 'walk, + GRM + label updates'))
students = {
    name: dict(kind='segmentation', config=config, env=dict(MMWSSS_LABELS='{labels:%s}' % labels),
               control=control, title=title)
    for name, (config, labels, control, title) in table.items()}
with_crf = {
    f'{name}_testcrf': dict(
        kind='scores', config=students[name]['config'], checkpoint='{checkpoint:%s}' % name,
        args=['--crf', 'deeplab'], control=name, title=students[name]['title'] + ', CRF at test')
    for name in ('s_walk', 's_grm')}
masks = dict(masks=dict(
    kind='segmentation', config=student % 'aspp', title='aspp on 1,786 masks (full supervision)'))
rows = list(_base_.label_entries) + [*students, *with_crf, *masks]
entries = {**_base_.label_entries, **students, **with_crf, **masks}
# Maps compare with CAM's, students with the student on CAM's labels.
entries = {name: dict(entry, control=entry.get('control') or ('s_cam' if name in (
    *students, *with_crf, *masks) else 'cam')) for name, entry in entries.items()}
