"""Training with the memory: what samples get, when, and after a stop; testing with siblings."""
import copy
import itertools
import json

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpretrain.structures import DataSample
from PIL import Image

import mmwsss  # noqa: F401
from mmwsss.datasets.crop_geometry import META_KEYS, CropGeometry
from mmwsss.datasets.image_labels import ImageLabels
from mmwsss.engine import use_safe_loading
from mmwsss.engine.attention_memory import AttentionMemory
from mmwsss.labels import ActivationStore
from mmwsss.models.heads.pgnn_head import Patches

LABELS = [[0], [0, 1], [1], [0], [1], [0], [1], [0, 1]]
NAMES = itertools.count()


@pytest.fixture(scope='module')
def data_root(tmp_path_factory):
    root = tmp_path_factory.mktemp('data')
    rng = np.random.RandomState(0)
    for i, labels in enumerate(LABELS):
        image = rng.randint(0, 60, (40, 56, 3))
        for c in labels:
            image[8:30, 6 + 24 * c:26 + 24 * c, c] += 150
        Image.fromarray(image.astype(np.uint8)).save(root / f'i{i}.png')
    ImageLabels(['a', 'b'], {f'i{i}': ['ab'[c] for c in labels]
                             for i, labels in enumerate(LABELS)}).save(root / 'labels.json')
    return root


def config(root, work_dir, iters=8, **options):
    cfg = Config(dict(
        default_scope='mmpretrain',
        model=dict(
            type='PGNNClassifier',
            data_preprocessor=dict(type='ClsDataPreprocessor', mean=[80.] * 3, std=[60.] * 3),
            backbone=dict(type='ResNet', depth=18, stem_channels=4, base_channels=4,
                          strides=(1, 2, 2, 1)),
            head=dict(type='PGNNHead', num_classes=2, in_channels=32, patches=2,
                      graph=dict(channels=8), group_size=2, pooling='topk',
                      loss_sc=dict(type='SoftComplementaryLoss'))),
        train_dataloader=dict(
            batch_size=4, num_workers=0,
            sampler=dict(type='SameClassBatchSampler', group_size=2),
            dataset=dict(
                type='ImageLabelDataset', label_file='labels.json', data_root=str(root),
                pipeline=[
                    dict(type='LoadAnyImage'),
                    dict(type='RandomLongSideCrop', long_side=(40, 80), crop_size=48),
                    dict(type='RandomFlip', prob=0.5),
                    dict(type='PackInputs', meta_keys=META_KEYS)])),
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=iters, val_interval=1000),
        optim_wrapper=dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=1e-3)),
        default_hooks=dict(checkpoint=dict(type='AtomicCheckpointHook', by_epoch=False,
                                           interval=1)),
        custom_hooks=[dict(type='ExactResumeHook'), dict(type='AttentionMemoryHook', cell=16)],
        randomness=dict(seed=3), work_dir=str(work_dir), log_level='ERROR',
        log_processor=dict(by_epoch=False), experiment_name=f'memory_{next(NAMES)}'))
    cfg.merge_from_dict(options)
    return cfg


class Record(Hook):
    priority = 'LOW'

    def __init__(self):
        self.losses, self.samples = [], []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.samples.append([copy.deepcopy(s) for s in data_batch['data_samples']])

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.losses.append({k: float(v) for k, v in outputs.items()})


def run(*args, **kwargs):
    use_safe_loading()  # as tools/train.py; mmengine 0.10.7 resumes only with it
    record = Record()
    runner = Runner.from_cfg(config(*args, **kwargs))
    runner.register_hook(record)
    runner.train()
    return runner, record


def test_a_run_and_its_resumption(data_root, tmp_path):
    whole, expected = run(data_root, tmp_path / 'whole')
    # 5 of each class, filled up to 6: a pass is 12 samples, three steps of 4
    for step, (samples, losses) in enumerate(zip(expected.samples, expected.losses)):
        assert [('attention' in s) for s in samples] == [step >= 3] * 4
        assert (losses['loss_keep'] > 0) is (step >= 3)
    memory = AttentionMemory(tmp_path / 'whole' / 'attention', ['a', 'b'])
    assert memory.versions() == [1, 2]
    check_what_samples_get(memory, expected)

    run(data_root, tmp_path / 'cut', iters=5)
    version = tmp_path / 'cut' / 'attention' / 'versions' / '000001'
    assert version.is_dir()
    # two processes that went on and died in the middle of the next version; one process, whose
    # steps have other names, goes on
    ahead = AttentionMemory(tmp_path / 'cut' / 'attention', ['a', 'b'])
    ahead.store(2).write('i0', torch.ones(1, 10, 14), [0], (40, 56))
    for share in ((20, 22), (22, 24)):
        ahead.record(memory.visits(*share))
    resumed, record = run(data_root, tmp_path / 'cut', resume=True)
    assert record.losses == expected.losses[5:]
    for ours, theirs in zip(resumed.model.parameters(), whole.model.parameters()):
        assert torch.equal(ours, theirs)
    for image in range(len(LABELS)):
        for number in (1, 2):
            name = f'attention/versions/{number:06d}/maps/i{image}.png'
            ours, theirs = ((tmp_path / run / name).read_bytes() for run in ('cut', 'whole'))
            assert ours == theirs


def test_a_resumed_run_drops_what_came_after_its_checkpoint(data_root, tmp_path):
    """Before it makes a version of its own: versions whole or begun, and visits."""
    run(data_root, tmp_path, iters=4)
    memory = AttentionMemory(tmp_path / 'attention', ['a', 'b'])
    assert memory.versions() == [1]
    for version in (2, 3):
        memory.store(version).write('i0', torch.ones(1, 10, 14), [0], (40, 56))
    memory.complete(3, dict(samples=36))
    memory.record([v._replace(position=v.position + 6) for v in memory.visits(12, 16)])
    assert sorted(path.name for path in (tmp_path / 'attention/visits').glob('*'))[-1] == (
        '000000000018.npz')
    run(data_root, tmp_path, iters=5, resume=True)
    assert memory.versions() == [1] and memory.unfinished() == []
    assert [v.position for v in memory.visits(12, 20)] == list(range(12, 20))
    assert sorted(path.name for path in (tmp_path / 'attention/visits').glob('*'))[-1] == (
        '000000000016.npz')


def test_maps_are_handed_out_from_a_later_version_on(data_root, tmp_path):
    later = dict(custom_hooks=[dict(type='ExactResumeHook'),
                               dict(type='AttentionMemoryHook', cell=16, begin=2)])
    whole, expected = run(data_root, tmp_path / 'whole', iters=10, **later)
    for step, (samples, losses) in enumerate(zip(expected.samples, expected.losses)):
        assert [('attention' in s) for s in samples] == [step >= 6] * 4
        assert (losses['loss_keep'] > 0) is (step >= 6)
    memory = AttentionMemory(tmp_path / 'whole' / 'attention', ['a', 'b'])
    stored = memory.store(2).read_stored(expected.samples[6][0].image_id)
    assert stored[0] == expected.samples[6][0].attention_classes
    run(data_root, tmp_path / 'cut', iters=4, **later)
    resumed, record = run(data_root, tmp_path / 'cut', iters=10, resume=True, **later)
    assert record.losses == expected.losses[4:]


def check_what_samples_get(memory, record):
    """Version 1, seen through each crop."""
    store = memory.store(1)
    for sample in record.samples[3] + record.samples[4]:
        classes, maps, size = store.read_stored(sample.image_id)
        assert classes == sample.attention_classes == sample.gt_label.tolist()
        geometry = CropGeometry.of(sample.metainfo)
        assert geometry.image == size == (40, 56)
        assert sample.attention.shape == (len(classes), 3, 3)
        for i in range(3):
            for j in range(3):
                x = 16 * j + 8
                x = 48 - x if sample.flip else x
                y = (16 * i + 8 - geometry.offset[0]) / geometry.resized[0] * 40
                x = (x - geometry.offset[1]) / geometry.resized[1] * 56
                if not (0 <= y < 40 and 0 <= x < 56):
                    assert (sample.attention[:, i, j] == 0).all()
                    continue
                near = maps[:, max(0, int((y - 2) / 4)):int((y - 2) / 4) + 2,
                            max(0, int((x - 2) / 4)):int((x - 2) / 4) + 2].flatten(1)
                assert (sample.attention[:, i, j] >= near.amin(1) - 1e-5).all()
                assert (sample.attention[:, i, j] <= near.amax(1) + 1e-5).all()


def test_a_fresh_run_starts_without_maps(data_root, tmp_path):
    run(data_root, tmp_path, iters=4)
    assert json.loads((tmp_path / 'attention/versions/000001/complete.json').read_text())
    _, record = run(data_root, tmp_path, iters=1)
    assert not any('attention' in s for s in record.samples[0])
    assert not (tmp_path / 'attention/versions/000001').exists()


def test_what_is_missing_is_said(data_root, tmp_path):
    with pytest.raises(ValueError, match='needs PGNNHead'):
        run(data_root, tmp_path, **{'model.head': dict(
            _delete_=True, type='CAMHead', num_classes=2, in_channels=32)})
    with pytest.raises(ValueError, match='image_id'):
        run(data_root, tmp_path, **{'train_dataloader.dataset.pipeline.3.meta_keys': (
            'sample_idx', 'img_path')})
    with pytest.raises(ValueError, match='at least 1'):
        run(data_root, tmp_path, **{'custom_hooks.1.keep': 0})


@pytest.mark.parametrize('embedding, boxes', [
    ('none', None), ('all', None), ('foreground', 2), ('all', 2)])
def test_maps_in_groups(data_root, tmp_path, embedding, boxes):
    """The hook's bank gives what a batch of the group would, which training labels."""
    proposals = {f'i{i}': [[0, 0, 30 + i, 20], [20 + i, 10, 30, 28]] for i in range(len(LABELS))}
    (tmp_path / 'proposals.json').write_text(json.dumps([
        dict(image_id=name, category_id=1, bbox=box, score=1 - place / 2)
        for name, found in proposals.items() for place, box in enumerate(found)]))
    pipeline = [dict(type='LoadAnyImage'),
                dict(type='LoadProposals', file=str(tmp_path / 'proposals.json')),
                dict(type='PackInputs', meta_keys=('img_path', 'image_id', 'ori_shape'),
                     algorithm_keys=('proposals', ))]
    loader = dict(
        batch_size=3, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dict(type='ImageLabelDataset', label_file='labels.json', test_mode=True,
                     data_root=str(data_root), pipeline=pipeline, indices=3))
    runner = Runner.from_cfg(config(data_root, tmp_path, **{
        'model.head.inference': 'group', 'model.head.graph.class_embedding': embedding,
        'model.head.graph.zero_init': False, 'model.head.max_boxes': boxes,
        'model.test_cam': dict(scales=(1.0, ), flip=True), 'test_dataloader': loader,
        'test_cfg': dict(type='TestLoop'), 'custom_hooks': [dict(type='SiblingNodesHook')],
        'test_evaluator': dict(type='ActivationWriter', out=str(tmp_path / 'maps'), bits=16)}))
    model = runner.model.eval()
    for part in (model.head.graph.classes, model.head.graph.out):
        if part is not None:  # large, so that maps are not 0 and a sibling's label shows
            torch.nn.init.normal_(part.weight)
    assert runner.test()['activations/images'] == 3
    assert sorted(model.head.bank.nodes) == [f'i{i}' for i in range(len(LABELS))]
    classes, maps, _ = ActivationStore(tmp_path / 'maps').read_stored('i1')
    assert classes == [0, 1]
    # class 1 of image i1 with one sibling, by hand
    sibling, = model.head.bank.choose('i1', 1, 1, 0)
    pixels = [torch.from_numpy(np.asarray(Image.open(data_root / f'{name}.png')).transpose(
        2, 0, 1).copy()).flip(0) for name in ('i1', sibling)]
    samples = [DataSample(metainfo=dict(ori_shape=(40, 56))) for _ in pixels]
    for one, name in zip(samples, ('i1', sibling)):
        corners = torch.tensor(proposals[name]).float()
        corners[:, 2:] += corners[:, :2]
        one.set_field(corners, 'proposals')
    with torch.no_grad():
        batch = model.data_preprocessor(dict(inputs=pixels), False)['inputs']
        x = model.head.last_map(model.extract_feat(torch.cat([batch, batch.flip(-1)])))
        patches = model.head.patches_of(x, samples, [1] * 4)
        total = 0
        for mirrored, rows in ((False, [0, 1]), (True, [2, 1])):
            of_rows = Patches(*(None if part is None else part[rows] for part in patches))
            cam = model.head.class_maps(x[rows], of_rows, 2)[:1, 1:2].relu()
            total = total + (cam.flip(-1) if mirrored else cam)
        coarse, full = (
            torch.nn.functional.interpolate(total, size, mode='bilinear')[0, 0, :height, :width]
            for size, height, width in (((12, 16), 10, 14), ((48, 64), 40, 56)))
    expected = coarse / (full.max() + 1e-5)
    assert expected.std() > 0.01
    torch.testing.assert_close(maps[1], expected, atol=1e-4, rtol=0)
