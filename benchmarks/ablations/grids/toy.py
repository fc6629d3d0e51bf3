# A whole chain on rendered scenes, in a minute: shows that the runner works, measures nothing.
#   python tools/make_toy_dataset.py data/toy --train 8 --val 4
classes = ['background', 'diningtable', 'person']  # in both lists of that set
gt = '{{$MMWSSS_TOY:data/toy}}/SegmentationClass'
ids = '{{$MMWSSS_TOY:data/toy}}/ImageSets/Segmentation/train.txt'
title = 'Toy: does the runner work?'
seeds = [0, 1]
one_scale = {'model.test_cam.scales': (1.0, ), 'model.test_cam.flip': False}
entries = dict(
    cam=dict(
        kind='classifier', config='configs/recam/cam_r18_toy.py', iterations=4,
        test_options=one_scale, title='maps: CAM'),
    labels=dict(
        kind='labels', config='configs/irn/seeds_toy.py',
        env=dict(MMWSSS_ACTIVATIONS='{maps:cam}'), title='labels', control='cam',
        options={
            'test_evaluator.0.rule._delete_': True, 'test_evaluator.0.rule.kind': 'threshold',
            'test_evaluator.0.rule.threshold': '{threshold:cam}'}),
    aspp=dict(
        kind='segmentation', config='configs/grm/deeplabv2_r18_aspp_toy.py', iterations=4,
        env=dict(MMWSSS_LABELS='{labels:labels}'), title='no module (control)'),
    grm=dict(
        kind='segmentation', config='configs/grm/deeplabv2_r18_grm_toy.py', iterations=4,
        env=dict(MMWSSS_LABELS='{labels:labels}'), title='GRM', control='aspp'),
    aspp_masks=dict(
        kind='segmentation', config='configs/grm/deeplabv2_r18_aspp_toy.py', iterations=4,
        title='no module, masks', control='aspp'))
