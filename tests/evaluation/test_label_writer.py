"""Labels from stored maps: equal to an obvious computation, and safe against every bad input."""
import errno

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from PIL import Image

from mmwsss.datasets import ImageLabels
from mmwsss.engine.preflight import PreflightError
from mmwsss.evaluation import LabelWriter
from mmwsss.labels import ActivationStore, LabelStore, dense_crf, label_store

CLASSES = ('cat', 'dog', 'cow')
SIZES = {'a': (40, 56), 'b': (57, 41), 'c': (40, 56), 'd': (33, 47)}
PRESENT = {'a': [0], 'b': [0, 1], 'c': [], 'd': [2]}
TWO = dict(kind='two_thresholds', foreground=0.6, background=0.3, normalize='class')


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmpretrain')


@pytest.fixture
def root(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / 'images').mkdir()
    store = ActivationStore(tmp_path / 'maps', CLASSES, source=dict(weights='w'))
    for name, size in SIZES.items():
        pixels = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / 'images' / f'{name}.png')
        cells = [-(-length // 4) for length in size]
        store.write(name, rng.uniform(0, 0.9, (len(PRESENT[name]), *cells)), PRESENT[name], size)
    ImageLabels(CLASSES, {name: [CLASSES[c] for c in PRESENT[name]] for name in SIZES}).save(
        tmp_path / 'labels.json')
    return tmp_path


def config(root, **writer):
    writer = dict(dict(type='LabelWriter', out=str(root / 'labels'), rule=TWO), **writer)
    return Config(dict(
        default_scope='mmpretrain', work_dir=str(root / 'work'), log_level='ERROR',
        custom_hooks=[dict(type='PreflightHook')],
        model=dict(type='StoredActivations', store=str(root / 'maps')),
        test_dataloader=dict(
            batch_size=2, num_workers=0,
            sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
            dataset=dict(
                type='ImageLabelDataset', data_root=str(root), label_file='labels.json',
                data_prefix='images', skip_stored=writer['out'], test_mode=True,
                pipeline=[dict(type='PackInputs', meta_keys=('img_path', 'image_id'))])),
        test_cfg=dict(type='TestLoop'), test_evaluator=writer,
        experiment_name=f'write{np.random.default_rng().integers(1 << 60)}'))


def write(root, **writer):
    return Runner.from_cfg(config(root, **writer)).test()


def expected(root, name, rule=None, crf=False):
    """Pixel by pixel, from what ActivationStore reads."""
    rule = rule or TWO
    classes, maps = ActivationStore(root / 'maps').read(name)
    maps = maps.numpy()
    if rule.get('normalize') == 'class' and classes:
        maps = maps / (maps.max(axis=(1, 2), keepdims=True) + np.float32(1e-5))
    image = np.array(Image.open(root / 'images' / f'{name}.png'))

    def at(threshold):
        labels = np.zeros(SIZES[name], np.uint8)
        for y, x in np.ndindex(*SIZES[name]):
            best, label = threshold, 0
            for c, value in zip(classes, maps[:, y, x]):
                if value > best:
                    best, label = value, c + 1
            labels[y, x] = label
        return dense_crf(image, labels, 'irn', classes=[0] + [c + 1 for c in classes]) \
            if crf else labels

    if rule['kind'] == 'threshold':
        return at(rule['threshold'])
    sure, likely = at(rule['foreground']), at(rule['background'])
    return np.where((sure == 0) & (likely != 0), 255, sure)


@pytest.mark.parametrize('rule, crf', [(TWO, None), (TWO, 'irn'),
                                       (dict(kind='threshold', threshold=0.4), 'irn')])
def test_labels_are_those_of_an_obvious_computation(root, rule, crf):
    metrics = write(root, rule=rule, crf=crf)
    store = LabelStore(root / 'labels')
    assert store.num_classes == 4 and store.ids() == list(SIZES)
    counts = np.zeros(256, int)
    for name in SIZES:
        labels = store.read(name)
        assert np.array_equal(labels, expected(root, name, rule, bool(crf))), name
        counts += np.bincount(labels.ravel(), minlength=256)
    pixels = store.manifest()['pixels']
    assert {int(label): n for label, n in pixels.items() if n} == {
        label: n for label, n in enumerate(counts) if n}
    ignored = round(100 * counts[255] / counts.sum(), 4)
    assert metrics == {'pseudo_labels/images': 4, 'pseudo_labels/version': 1,
                       'pseudo_labels/ignored': ignored}
    assert bool(ignored > 0) is (rule is TWO) and counts[3] > 0
    source = store.manifest()['source']
    assert source['maps']['weights'] == 'w' and source['rule']['kind'] == rule['kind']
    assert source['images']['count'] == 4 and len(source['fingerprint']) == 64


def test_power_rule(root):
    write(root, rule=dict(kind='power', power=2.))
    maps = ActivationStore(root / 'maps').read('a')[1].numpy()[0]
    labels = np.where(maps > (1 - maps) ** 2, 1, 0)
    assert np.array_equal(LabelStore(root / 'labels').read('a'), labels)


def test_same_settings_keep_the_version_and_others_make_a_new_one(root):
    assert write(root)['pseudo_labels/version'] == 1
    again = write(root)
    assert (again['pseudo_labels/images'], again['pseudo_labels/version']) == (0, 1)
    other = dict(TWO, background=0.2)
    assert write(root, rule=other)['pseudo_labels/version'] == 2
    assert LabelStore(root / 'labels').current == 2
    back = write(root)  # what the settings say is current
    assert (back['pseudo_labels/images'], back['pseudo_labels/version']) == (0, 1)
    store = LabelStore(root / 'labels')
    assert store.current == 1 and store.versions == [1, 2]
    made_from = [store.manifest(v)['source']['fingerprint'] for v in (1, 2)]
    assert made_from[0] != made_from[1]


def broken_once(root, monkeypatch, fail_at='c', error=None):
    """Writing fails at one image, as on a full disk."""
    real = label_store.write_atomic

    def failing(path, data, sync=True):
        if str(path).endswith(f'{fail_at}.png'):
            raise error or OSError(errno.ENOSPC, 'No space left on device', str(path))
        real(path, data, sync)

    with monkeypatch.context() as patch:
        patch.setattr(label_store, 'write_atomic', failing)
        write(root)


def test_a_full_disk_loses_nothing_and_it_goes_on_there(root, monkeypatch):
    with pytest.raises(OSError, match="labels of 'c' cannot be written .No space.* stay") as info:
        broken_once(root, monkeypatch)
    assert info.value.errno == errno.ENOSPC
    store = LabelStore(root / 'labels')
    assert store.current is None and store.held(1) == ['a', 'b']
    part = root / 'labels/versions/000001.part/labels'
    times = {name: (part / f'{name}.png').stat().st_mtime_ns for name in 'ab'}
    with pytest.raises(ValueError, match='begun from another source.*delete .*000001.part'):
        write(root, rule=dict(TWO, background=0.2))
    assert write(root)['pseudo_labels/images'] == 2
    for name, when in times.items():
        assert (store.labels_folder() / f'{name}.png').stat().st_mtime_ns == when
    for name in SIZES:
        assert np.array_equal(store.read(name), expected(root, name))


def test_a_store_cut_short_is_named_and_nothing_is_lost(root):
    path = root / 'maps/maps/d.png'
    data = path.read_bytes()
    path.write_bytes(data[:len(data) // 2])
    with pytest.raises(ValueError, match=r'maps/d.png: cut short'):
        write(root)
    store = LabelStore(root / 'labels')
    assert store.current is None and store.held(1) == ['a', 'b']  # the batch before
    path.write_bytes(data)
    assert write(root)['pseudo_labels/images'] == 2 and store.current == 1


def test_maps_that_lack_are_found_before_the_start(root):
    (root / 'maps/maps/d.png').unlink()
    with pytest.raises(ValueError, match='no activation maps of 1 of 4 images: d: extract'):
        write(root)
    assert not (root / 'labels').exists()
    cfg = config(root)
    cfg.model.store = str(root / 'nothing')
    with pytest.raises(PreflightError, match='holds no activation maps: extract them first'):
        Runner.from_cfg(cfg).test()
    ImageLabels(('cat', 'dog', 'pig', 'cow'), {name: [] for name in SIZES}).save(
        root / 'labels.json')
    with pytest.raises(PreflightError, match='maps of 3 classes .* has 4'):
        write(root)


def test_images_known_to_be_unreadable_are_left_out(root):
    store = ActivationStore(root / 'maps')
    (root / 'maps/maps/d.png').unlink()
    store.list_unreadable({'d': 'cut short'})
    metrics = write(root)
    assert metrics['pseudo_labels/unreadable'] == 1 and metrics['pseudo_labels/images'] == 3
    assert LabelStore(root / 'labels').ids() == ['a', 'b', 'c']


@pytest.mark.parametrize('crf', [None, 'irn'])
def test_an_image_of_another_size_than_its_maps(root, crf):
    Image.new('RGB', (50, 40)).save(root / 'images/b.png')
    with pytest.raises(ValueError, match=r"'b': .*b.png is \(40, 50\) .* an image of \(57, 41\)"):
        write(root, crf=crf)
    assert LabelStore(root / 'labels').held(1) == ['a']


def test_classes_that_differ_from_the_labels_of_the_image(root):
    ImageLabels(CLASSES, dict(a=['cat', 'dog'], b=['dog'], c=[], d=['cow'])).save(
        root / 'labels.json')
    with pytest.raises(ValueError, match=r"'a': there are no map of class \[1\] \(dog\): extract"):
        write(root)
    ImageLabels(CLASSES, dict(a=['cat'], b=['dog'], c=[], d=['cow'])).save(root / 'labels.json')
    with pytest.raises(ValueError, match=r"'b': .*class \[0\], which .* lack \(cat\).*'restrict'"):
        write(root)
    write(root, out=str(root / 'restricted'), classes='restrict')
    labels = LabelStore(root / 'restricted').read('b')
    assert set(np.unique(labels)) <= {0, 2, 255} and (labels == 2).any()
    write(root, out=str(root / 'all'), classes='maps')
    assert np.array_equal(LabelStore(root / 'all').read('b'), expected(root, 'b'))


def test_skipping_what_another_store_holds_is_refused(root):
    write(root)
    cfg = config(root, out=str(root / 'others'))
    cfg.test_dataloader.dataset.skip_stored = str(root / 'labels')
    with pytest.raises(ValueError, match='go to .*others, but the data set skips what .*labels'):
        Runner.from_cfg(cfg).test()


def sample(root, **changes):
    maps = torch.rand(1, 10, 14)
    return dict(dict(activations=maps, activation_classes=torch.tensor([1]), image_id='a',
                     ori_shape=(40, 56), img_path=str(root / 'images/a.png')), **changes)


def writer(root, **kwargs):
    made = LabelWriter(str(root / 'out'), **dict(dict(rule=TWO), **kwargs))
    made.dataset_meta = dict(classes=CLASSES)
    return made


@pytest.mark.parametrize('changes, message', [
    (dict(activations=torch.full((1, 10, 14), float('nan'))), 'hold NaN or infinite'),
    (dict(activations=torch.full((1, 10, 14), 1.5)), 'must lie in 0 to 1, got 1.5 to 1.5'),
    (dict(activations=torch.rand(1, 12, 14)), r'maps of \(12, 14\) .* of an image of \(40, 56\)'),
    (dict(activations=torch.rand(2, 10, 14)), r'shape \(2, 10, 14\) for 1 classes'),
    (dict(ori_shape=(80, 112), activations=torch.rand(1, 20, 28)), r'a.png is \(40, 56\)'),
])
def test_bad_maps_are_named_and_not_written(root, changes, message):
    made = writer(root)
    with pytest.raises(ValueError, match=f"'a': .*{message}.*started again, it goes on here"):
        made.process({}, [sample(root, **changes)])
    assert made._store.held(1) == []


def test_samples_without_maps_are_explained(root):
    lacking = sample(root)
    del lacking['activations'], lacking['ori_shape']
    with pytest.raises(ValueError, match='has no activations, ori_shape: use a model'):
        writer(root).process({}, [lacking])


def test_maps_at_image_size_and_without_a_prepared_list(root):
    """As from a model outside tools/test.py, where no hook names the images."""
    made = writer(root, rule=dict(kind='threshold', threshold=0.5))
    maps = torch.rand(1, 40, 56)
    made.process({}, [sample(root, activations=maps)])
    metrics = made.evaluate(1)
    assert metrics['pseudo_labels/images'] == 1
    labels = LabelStore(root / 'out').read('a')
    assert np.array_equal(labels, np.where(maps[0].numpy() > 0.5, 2, 0))


@pytest.mark.parametrize('kwargs, message', [
    (dict(classes='some'), "classes='some' is unknown"),
    (dict(rule=dict(kind='three')), "kind='three' is unknown"),
    (dict(crf='best'), "no CRF preset 'best'"),
])
def test_bad_settings_are_refused_when_built(root, kwargs, message):
    with pytest.raises(ValueError, match=message):
        writer(root, **kwargs)


def test_background_among_the_classes_counts_once(root):
    made = writer(root)
    made.dataset_meta = dict(classes=('background', *CLASSES))
    assert made.num_classes == 4
    made.dataset_meta = {}
    with pytest.raises(ValueError, match='no class names'):
        made.num_classes  # noqa: B018
