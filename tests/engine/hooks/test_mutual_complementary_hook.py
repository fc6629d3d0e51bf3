"""MutualComplementaryHook: the right labels at every iteration, whatever happens in between."""
import os
import shutil

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from PIL import Image

from mmwsss.engine import load_checkpoint_safely
from mmwsss.engine.hooks import MutualComplementaryHook
from mmwsss.labels import LabelStore
from tests.engine import tiny
from tests.engine.label_updates import oracle

WHOLE = {'train_dataloader.dataset.pipeline': [
    dict(type='LoadImageFromFile'), dict(type='LoadSegLabels'), dict(type='PackSegInputs')]}
IDS = [f'im_{i}' for i in range(6)]


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    root = tiny.make_data(tmp_path_factory.mktemp('data'))
    oracle.weaken(root)
    return root


@pytest.fixture
def tiny_data(data):
    """The data set of ``make_runner``."""
    return data


class Watch(Hook):
    """What each iteration trains on."""

    def __init__(self):
        self.samples, self.losses, self.scalars = [], [], []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.samples.append([
            (sample.metainfo['label_sample'], sample.gt_sem_seg.data[0].numpy().copy())
            for sample in data_batch['data_samples']])

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.losses.append(float(outputs['loss']))


@pytest.fixture
def train(make_runner, monkeypatch):

    def run(hook=None, lr=0., options=None, **blanks):
        more = {} if options is None else options
        runner = make_runner(oracle.options(hook or {}, lr, **more), val_interval=99, **blanks)
        watch = Watch()
        runner.register_hook(watch)
        monkeypatch.setattr(runner.visualizer, 'add_scalars', lambda values, step, **_: (
            watch.scalars.append(dict(values, step=step))))
        runner.train()
        return runner, watch, LabelStore(runner.work_dir + '/labels')

    return run


def maps(store, version):
    return {name: store.read(name, version) for name in IDS}


def assert_same(a, b):
    for name in IDS:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def eq11(data, name):
    labels, said = oracle.weak(data, name), oracle.predicted(data, name)
    return np.where(said > 0, said, labels)


# ---------------------------------------------------------------- labels

def test_an_update_is_eq_11_with_the_networks_prediction(train, data):
    runner, watch, store = train(iters=4)
    assert store.versions == [1, 2]  # an epoch is ceil(6 / 4) = 2 iterations; none after the last
    assert_same(maps(store, 1), {name: oracle.weak(data, name) for name in IDS})
    expected = {name: eq11(data, name) for name in IDS}
    assert_same(maps(store, 2), expected)
    assert any((expected[name] != oracle.weak(data, name)).any() for name in IDS)
    for name in IDS:  # the files given are as they were
        np.testing.assert_array_equal(np.array(Image.open(data / f'weak/{name}.png')),
                                      maps(store, 1)[name])


@pytest.mark.parametrize('hook', [
    dict(scales=(1.0, 0.5), flip=True), dict(image_classes='labels'), dict(min_confidence=1.0),
    dict(ignored='keep'), dict(masks='labels')])
def test_options_reach_the_update(train, data, hook):
    _, watch, store = train(hook, iters=3)
    changed = {name: maps(store, 2)[name] != oracle.weak(data, name) for name in IDS}
    for name, new in maps(store, 2).items():
        labels, said = oracle.weak(data, name), oracle.predicted(data, name)
        if 'scales' in hook:  # shrinking blurs the edges
            assert (new == eq11(data, name)).mean() > 0.9
        elif 'image_classes' in hook:
            kept = np.isin(said, np.setdiff1d(np.unique(labels), [0, 255]))
            np.testing.assert_array_equal(new, np.where(kept, said, labels))
        elif 'min_confidence' in hook:
            assert (changed[name].sum() < 20).all()
        elif 'ignored' in hook:
            assert (new[labels == 255] == 255).all()
    if 'masks' in hook:
        judged = [row for row in watch.scalars if 'labels/miou' in row]
        assert len(judged) == 2 and judged[1]['labels/miou'] > judged[0]['labels/miou']
        assert judged[1]['labels/recall'] > judged[0]['labels/recall']


def test_by_default_sure_predictions_of_the_images_classes_count():
    hook = MutualComplementaryHook()
    assert hook.updater_options['image_classes'] == 'labels' and hook.min_confidence == 0.8
    assert hook.source_name == 'online'


def test_image_level_labels_restrict_classes(train, data, tmp_path):
    from mmwsss.datasets import ImageLabels, VOC12SegDataset
    classes = VOC12SegDataset.METAINFO['classes'][1:]
    ImageLabels(classes, dict.fromkeys(IDS, classes[:1])).save(tmp_path / 'l.json')
    _, _, store = train(dict(image_classes=str(tmp_path / 'l.json')), iters=3)
    for name, new in maps(store, 2).items():
        said = oracle.predicted(data, name)
        np.testing.assert_array_equal(new, np.where(said == 1, 1, oracle.weak(data, name)))
    ImageLabels(classes, {IDS[0]: ()}).save(tmp_path / 'few.json')
    with pytest.raises(ValueError, match='5 of the 6 listed images'):
        train(dict(image_classes=str(tmp_path / 'few.json')), iters=3, work_dir='few')


@pytest.mark.parametrize('workers', [0, 2])
def test_online_updates_what_crops_covered_and_nothing_else(train, data, workers):
    _, watch, store = train(dict(source='online'), iters=4, workers=workers)
    covered = {name: np.zeros((20, 24), bool) for name in IDS}
    for about, labels in sum(watch.samples[:2], []):
        rows, columns = about['coordinates']
        original = oracle.weak(data, about['image_id'])
        np.testing.assert_array_equal(original[np.ix_(rows, columns)], labels)
        covered[about['image_id']][np.ix_(rows, columns)] = True
    expected = {name: np.where(covered[name], eq11(data, name), oracle.weak(data, name))
                for name in IDS}
    assert_same(maps(store, 2), expected)
    assert not all(covered[name].all() for name in IDS)


# ---------------------------------------------------------------- which version when

SAMPLERS = [('ResumableInfiniteSampler', 0), ('ResumableInfiniteSampler', 2),
            ('InfiniteSampler', 2), ('DefaultSampler', 0)]


@pytest.mark.parametrize('sampler, workers', SAMPLERS)
def test_each_iteration_trains_on_its_version(train, sampler, workers):
    options = {**WHOLE, 'train_dataloader.sampler.type': sampler}
    hook = dict(by_epoch=False, interval=2, begin=3, end=6, min_confidence=0.3)
    _, watch, store = train(hook, lr=5., options=options, iters=9, workers=workers)
    assert store.versions == [1, 2, 3] or store.versions == [1, 2]
    for iteration, samples in enumerate(watch.samples):
        version = 1 + (iteration >= 4) + (iteration >= 6)
        for about, labels in samples:
            assert about['version'] == version
            np.testing.assert_array_equal(labels, store.read(about['image_id'], version))


@pytest.mark.parametrize('workers', [0, 2])
def test_epoch_based_loops(train, workers):
    options = {**WHOLE, 'train_dataloader.sampler.type': 'DefaultSampler',
               'train_cfg': dict(_delete_=True, type='EpochBasedTrainLoop', max_epochs=3),
               'default_hooks.checkpoint.by_epoch': True, 'default_hooks.checkpoint.interval': 1}
    runner, watch, store = train(options=options, workers=workers)
    assert [{about['version'] for about, _ in samples} for samples in watch.samples] == [
        {1}, {1}, {2}, {2}, {3}, {3}]
    saved = load_checkpoint_safely(runner.work_dir + '/epoch_2.pth')['label_versions']
    assert saved['version'] == 3 and saved['trained_on'] == 2


# ---------------------------------------------------------------- going on

def final(runner):
    return load_checkpoint_safely(f'{runner.work_dir}/iter_{runner.iter}.pth')


@pytest.mark.parametrize('source, workers', [('inference', 0), ('online', 0), ('online', 2)])
def test_resumed_runs_end_with_the_labels_and_weights_of_an_undisturbed_one(
        train, source, workers):
    hook = dict(source=source, by_epoch=False, interval=3)
    whole, expected, wanted = train(hook, lr=5., iters=10, workers=workers, work_dir='whole')
    assert final(whole)['label_versions']['version'] == 4
    # dies in iteration 7, after the update at 6 and the checkpoint at 4
    cut, *_ = train(hook, lr=5., iters=7, workers=workers, work_dir='cut', interval=4)
    for path in (f'{cut.work_dir}/iter_7.pth', f'{cut.work_dir}/last_checkpoint'):
        os.remove(path)
    resume = {'resume': True}
    runner, watch, store = train(hook, lr=5., options=resume, iters=10, workers=workers,
                                 work_dir='cut', interval=2)
    assert watch.losses == expected.losses[4:] and len(watch.losses) == 6
    for key, value in final(whole)['state_dict'].items():
        assert torch.equal(value, final(runner)['state_dict'][key]), key
    assert store.versions[-1] == wanted.versions[-1] == 4
    assert_same(maps(store, 4), maps(wanted, 4))
    assert any((maps(store, 4)[name] != maps(store, 1)[name]).any() for name in IDS)


def test_checkpoints_name_their_version_and_resuming_rolls_back(train):
    hook = dict(by_epoch=False, interval=1, keep=1)
    runner, _, store = train(hook, iters=6, interval=2)
    saved = {step: load_checkpoint_safely(f'{runner.work_dir}/iter_{step}.pth')['label_versions']
             for step in (2, 4, 6)}
    assert [(saved[step]['version'], saved[step]['trained_on']) for step in (2, 4, 6)] == [
        (3, 2), (5, 4), (6, 6)]
    assert store.versions == [1, 3, 5, 6]  # those of checkpoints stay, 2 and 4 are pruned
    again, watch, store = train(
        hook, options={'resume': True, 'load_from': f'{runner.work_dir}/iter_2.pth'}, iters=3,
        interval=9)
    assert watch.samples[0][0][0]['version'] == 3 == store.current
    assert store.versions == [1, 3]


def test_a_checkpoint_whose_labels_are_gone_or_cut_is_refused(train):
    runner, _, store = train(iters=6, interval=5)
    cut = store.labels_folder(3) / 'im_2.png'
    cut.write_bytes(cut.read_bytes()[:-9])
    with pytest.raises(ValueError, match='im_2.png is .* bytes long instead of .*: put the file'):
        train(options={'resume': True}, iters=8)
    shutil.rmtree(store.root / 'versions/000003')
    (store.root / 'CURRENT').write_text('1\n')
    with pytest.raises(ValueError, match='was made on version 3 of the labels'):
        train(options={'resume': True}, iters=8)


def test_a_new_run_in_the_same_folder_starts_from_the_originals(train, data):
    train(iters=4)
    _, watch, store = train(iters=2)
    assert store.versions == [1] and watch.samples[0][0][0]['version'] == 1
    other = {'train_dataloader.dataset.data_prefix.seg_map_path': 'labels'}
    with pytest.raises(ValueError, match='was made from other labels'):
        train(options=other, iters=2)


def test_goes_on_from_a_run_without_updates(train):
    without = {'custom_hooks': [dict(type='PreflightHook'), dict(type='ExactResumeHook')]}
    with pytest.raises(KeyError):  # Watch looks for versions
        train(options=without, iters=4)
    runner, watch, store = train(iters=4, work_dir='b')
    checkpoint = torch.load(f'{runner.work_dir}/iter_4.pth', weights_only=False)
    del checkpoint['label_versions']
    torch.save(checkpoint, f'{runner.work_dir}/iter_4.pth')
    _, watch, store = train(options={'resume': True}, iters=8, work_dir='b')
    assert [samples[0][0]['version'] for samples in watch.samples] == [1, 1, 2, 2]


# ---------------------------------------------------------------- what it says and leaves

def test_strip_and_scalars(train):
    runner, watch, store = train(dict(shown=2), iters=6)
    with Image.open(f'{runner.work_dir}/label_versions.png') as picture:
        assert picture.height == 200 and picture.width > 3 * 90
    rows = watch.scalars
    steps = [row['step'] for row in rows if 'labels/foreground' in row]
    assert steps == [0, 2, 4]
    shares = [row['labels/foreground'] for row in rows if 'labels/foreground' in row]
    count = sum(((m > 0) & (m < 255)).sum() for m in maps(store, 2).values())
    assert shares[1] == pytest.approx(100 * count / (6 * 480))
    assert not list(store.root.rglob('.tmp-*'))


@pytest.mark.parametrize('wrong, message', [
    (dict(interval=0), 'interval >= 1'), (dict(begin=5, end=3), 'begin <= end'),
    (dict(source='both'), 'source must be one of'), (dict(conflict='x'), 'conflict must be'),
    (dict(ignored='x'), 'ignored must be'), (dict(min_confidence=0), 'min_confidence'),
    (dict(scales=()), 'scales must be'), (dict(source='online', flip=True), 'augmentation'),
    (dict(keep=0), 'keep >= 1')])
def test_wrong_settings_are_refused_at_once(wrong, message):
    with pytest.raises(ValueError, match=message):
        MutualComplementaryHook(**wrong)


def test_data_that_cannot_be_followed_is_refused_before_training(train):
    load, pack = WHOLE['train_dataloader.dataset.pipeline'][:2], dict(type='PackSegInputs')
    early = {'train_dataloader.dataset.pipeline': [
        load[0], dict(type='Resize', scale=(12, 10)), load[1], pack]}
    with pytest.raises(ValueError, match='different sizes after'):
        train(options=early, iters=2)
    zero = {'train_dataloader.dataset.reduce_zero_label': True}
    with pytest.raises(ValueError, match='renumbered on loading'):
        train(options=zero, iters=2, work_dir='zero')
