"""Label quality against loops over pixels and thresholds."""
import importlib.util
import json
import math
import os
import warnings

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import METRICS, init_default_scope
from mmengine.runner import Runner
from PIL import Image
from torch.nn.functional import interpolate

from mmwsss.datasets import ImageLabels
from mmwsss.evaluation import LabelWriter, ThresholdCurve, count_labels, label_quality
from mmwsss.labels import ActivationStore, LabelStore, seed_labels, threshold_background
from tests.paths import ROOT

C = 4


def random_labels(shape=(7, 9), values=(0, 1, 2, 255)):
    return np.random.choice(values, size=shape).astype(np.uint8)


def brute_force(pairs):
    """Rates class by class from (labels, truth), as their names say."""
    rows = {name: [] for name in ('iou', 'precision', 'recall', 'fp', 'fn')}
    for c in range(C):
        hit = given = wrong = true = missed = 0
        for labels, truth in pairs:
            for label, real in zip(labels.flatten(), truth.flatten()):
                if real == 255:
                    continue
                hit += label == c and real == c
                given += label == c
                true += real == c
                wrong += label == c and real != c
                missed += label not in (c, 255) and real == c
        union = hit + wrong + missed
        for name, part, whole in (('iou', hit, union), ('precision', hit, given),
                                  ('recall', hit, true), ('fp', wrong, union),
                                  ('fn', missed, union)):
            rows[name].append(100 * part / whole if whole else
                              0. if given + true and name not in ('fp', 'fn') else math.nan)
    return {name: np.array(values) for name, values in rows.items()}


def test_equals_brute_force():
    pairs = [(random_labels(), random_labels()) for _ in range(3)]
    got = label_quality(sum(count_labels(*pair, C) for pair in pairs))
    expected = brute_force(pairs)
    for name, theirs in (('iou', 'iou'), ('precision', 'precision'), ('recall', 'recall'),
                         ('fp_rate', 'fp'), ('fn_rate', 'fn')):
        np.testing.assert_allclose(got[name], expected[theirs])
    assert math.isnan(got['iou'][3])
    assert got['miou'] == pytest.approx(np.nanmean(expected['iou']))
    counted = np.concatenate([labels[truth != 255] for labels, truth in pairs])
    assert got['ignored'] == pytest.approx(100 * (counted == 255).mean())
    np.testing.assert_allclose((got['iou'] + got['fp_rate'] + got['fn_rate'])[:3], 100)


def test_perfect_and_empty_labels():
    truth = random_labels(values=(0, 1, 2))
    assert label_quality(count_labels(truth, truth, C))['miou'] == 100
    nothing = label_quality(count_labels(np.full_like(truth, 255), truth, C))
    assert nothing['miou'] == 0 and nothing['ignored'] == 100


def threshold_cases():
    cases = []
    for label_ids in ([1, 3], [2], []):
        maps = np.random.rand(len(label_ids), 5, 6).astype(np.float32)
        # Exactly on thresholds, as values of an 8-bit store are: all of the first half.
        flat = maps.reshape(-1)
        flat[:flat.size // 2] = np.random.randint(0, 256, flat.size // 2) / np.float32(255)
        flat[:3] = np.array([51 / 255, 0, 1], np.float32)[:maps.size and 3]
        cases.append((maps, label_ids, random_labels((5, 6), (0, 1, 2, 3, 255))))
    return cases


def test_curve_equals_a_loop_over_thresholds():
    cases, curve = threshold_cases(), ThresholdCurve(C)
    for case in cases:
        curve.update(*case)
    whole = curve.curve()
    for index in [0, 1, 50, 51, 52, 128, 254, 255]:
        pairs = []
        for maps, label_ids, truth in cases:
            scores = np.concatenate([np.full((1, 5, 6), index / 255, np.float32), maps])
            pairs.append((np.array([0, *label_ids])[scores.argmax(axis=0)], truth))
        got = curve.quality(index)
        expected = brute_force(pairs)
        np.testing.assert_allclose(got['iou'], expected['iou'])
        np.testing.assert_allclose(got['precision'], expected['precision'])
        assert whole['miou'][index] == pytest.approx(np.nanmean(expected['iou']))
    assert curve.best() == np.argmax(whole['miou']) and len(whole['threshold']) == 256


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_curve_is_that_of_the_labels_that_are_made(tmp_path, dtype):
    """To the last pixel at all 256 thresholds: stored values lie on them, and so do many that are
    enlarged from equal neighbours."""
    store = ActivationStore(tmp_path, ['x', 'y', 'z'])
    curve, counts = ThresholdCurve(C), np.zeros((256, C, C + 1), np.int64)
    for name in 'ab':
        small = interpolate(torch.rand(1, 2, 4, 4), (10, 12), mode='bilinear')[0]
        small[0, :5, :5] = torch.arange(256)[120:145].view(5, 5) / 255
        store.write(name, small, [0, 2], (40, 48))
        truth = random_labels((40, 48), (0, 1, 3, 255))
        maps = store.read(name)[1].to(dtype)
        curve.update(maps.numpy(), [1, 3], truth)
        for index in range(256):
            labels = seed_labels(threshold_background(maps, index / 255), [1, 3])
            counts[index] += count_labels(labels.numpy(), truth, C)
    for index in range(256):
        expected, got = label_quality(counts[index]), curve.quality(index)
        np.testing.assert_array_equal(got['iou'], expected['iou'], err_msg=str(index))
        np.testing.assert_array_equal(got['precision'], expected['precision'])


def test_a_map_exactly_at_the_threshold_is_background():
    """In float32 128/255 is larger than 128/255 in float64."""
    curve, truth = ThresholdCurve(2), np.zeros((8, 8), np.uint8)
    truth[2:6, 2:6] = 1
    curve.update((truth == 1)[None] * np.float32(128 / 255), [1], truth)
    assert curve.quality(127)['miou'] == 100 and curve.quality(128)['iou'][1] == 0


def test_masks_without_a_pixel_that_counts():
    curve, truth = ThresholdCurve(C), np.full((4, 5), 255, np.uint8)
    curve.update(np.random.rand(1, 4, 5), [1], truth)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        assert math.isnan(label_quality(count_labels(truth, truth, C))['miou'])
        with pytest.raises(ValueError, match='no pixel has a true label other than 255'):
            curve.best()


def test_merged_curves_are_the_curve_of_all():
    cases = threshold_cases()
    whole, left, right = (ThresholdCurve(C) for _ in range(3))
    for index, case in enumerate(cases):
        whole.update(*case)
        (left if index else right).update(*case)
    left.merge(right)
    np.testing.assert_array_equal(left.curve()['miou'], whole.curve()['miou'])


@pytest.mark.parametrize('call, message', [
    (lambda: count_labels(random_labels((2, 3)), random_labels((3, 2)), C), 'true mask'),
    (lambda: count_labels(np.full((2, 2), 9), np.zeros((2, 2), int), C), r'labels: values \[9\]'),
    (lambda: ThresholdCurve(C).update(np.full((1, 2, 2), np.nan), [1], np.zeros((2, 2), int)),
     r'must lie in \[0, 1\]'),
    (lambda: ThresholdCurve(C).update(np.zeros((1, 2, 2)), [4], np.zeros((2, 2), int)), '1…3'),
    (lambda: ThresholdCurve(C).update(np.zeros((1, 3, 2)), [1], np.zeros((2, 2), int)),
     'do not fit'),
    (lambda: ThresholdCurve(C).update(np.zeros((1, 2, 2)), [1], np.full((2, 2), 77)),
     r'true mask: values \[77\] are neither 0…3 nor 255: check num_classes'),
])
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.fixture
def masks(tmp_path):
    folder = tmp_path / 'masks'
    folder.mkdir()
    truth = {name: random_labels((8, 12), (0, 1, 2, 255)) for name in 'ab'}
    for name, mask in truth.items():
        Image.fromarray(mask).save(folder / f'{name}.png')
    (tmp_path / 'list.txt').write_text('a\nb\n')
    return truth


def test_metric_of_label_maps(tmp_path, masks):
    metric = METRICS.build(dict(type='PseudoLabelQuality', masks=str(tmp_path / 'masks'),
                                num_classes=C))
    labels = {name: random_labels((8, 12), (0, 1, 2)) for name in masks}
    for name, value in labels.items():
        metric.process({}, [dict(img_path=f'x/{name}.jpg', pred_sem_seg=dict(
            data=torch.from_numpy(value)[None]))])
    got = metric.evaluate(size=2)
    expected = label_quality(sum(count_labels(labels[name], masks[name], C) for name in masks))
    assert got['labels/mIoU'] == pytest.approx(expected['miou'], abs=1e-3)
    assert 'labels/threshold' not in got
    metric.process({}, [dict(img_path='x/a.jpg', pred_sem_seg=dict(
        data=torch.from_numpy(np.where(masks['a'] == 255, 0, masks['a']))[None]))])
    assert metric.evaluate(size=1)['labels/mIoU'] == 100  # nothing left of the first evaluation
    with pytest.raises(ValueError, match='no true mask of image .c'):
        metric.process({}, [dict(img_path='x/c.jpg')])


def test_metric_of_activations(tmp_path, masks):
    metric = METRICS.build(dict(type='PseudoLabelQuality', masks=str(tmp_path / 'masks'),
                                num_classes=C))
    perfect = [dict(image_id=name, activation_classes=[0, 1], activations=torch.stack(
        [torch.from_numpy(mask == label).float() * 0.6 for label in (1, 2)]))
        for name, mask in masks.items()]
    metric.process({}, perfect)
    got = metric.evaluate(size=2)
    assert got['labels/mIoU'] == 100 and 0 <= got['labels/threshold'] < 0.6


def test_images_without_a_mask_are_left_out_if_so_wanted(tmp_path, masks):
    def evaluate(folder, names):
        metric = METRICS.build(dict(type='PseudoLabelQuality', masks=str(tmp_path / folder),
                                    num_classes=C, missing='skip'))
        for name in names:
            metric.process({}, [dict(image_id=name, activation_classes=[0], activations=(
                torch.from_numpy(masks.get(name, masks['a']) == 1).float()[None]))])
        return metric.evaluate(size=len(names))

    assert evaluate('masks', 'axb') == evaluate('masks', 'ab') != {}
    assert evaluate('none', 'ab') == {}
    with pytest.raises(ValueError, match='missing'):
        METRICS.build(dict(type='PseudoLabelQuality', masks='', num_classes=C, missing='no'))


def quality_metric(tmp_path, **settings):
    return METRICS.build(dict(type='PseudoLabelQuality', masks=str(tmp_path / 'masks'),
                              num_classes=C, **settings))


@pytest.mark.parametrize('shape, sample, message', [
    ((8, 12), dict(ori_shape=(12, 8)), r'the image is \(12, 8\) \(H, W\), the mask \(8, 12\)'),
    ((2, 3), dict(ori_shape=(7, 11)), r'the image is \(7, 11\) \(H, W\), the mask \(8, 12\)'),
    ((12, 8), {}, r'maps of \(12, 8\) \(H, W\) are not those of an image of \(8, 12\)'),
])
def test_metric_refuses_masks_of_another_size(tmp_path, masks, shape, sample, message):
    """Also where both would be enlarged to as many cells."""
    sample = dict(image_id='a', activations=torch.rand(1, *shape), activation_classes=[0],
                  **sample)
    with pytest.raises(ValueError, match=f"image 'a' with the true mask .*a.png: {message}"):
        quality_metric(tmp_path).process({}, [sample])


def test_metric_enlarges_maps_of_images_resized_for_the_network(tmp_path, masks):
    metric = quality_metric(tmp_path)
    metric.process({}, [dict(image_id='a', activations=torch.ones(1, 5, 7), activation_classes=[0],
                             ori_shape=(8, 12))])
    assert metric.evaluate(size=1)['labels/recall'] > 0


def test_metric_names_the_image_of_a_bad_mask(tmp_path, masks):
    (tmp_path / 'masks/sub').mkdir()
    Image.fromarray(np.full((8, 12), 77, np.uint8)).save(tmp_path / 'masks/sub/c.png')
    given = dict(activations=torch.rand(1, 8, 12), activation_classes=[0])
    for made in (given, dict(pred_sem_seg=dict(data=torch.zeros(1, 8, 12).byte()))):
        with pytest.raises(ValueError, match=r"image 'sub/c' with the true mask .*sub/c.png: "
                                             r'true mask: values \[77\] are neither'):
            quality_metric(tmp_path).process({}, [dict(image_id='sub/c', **made)])


@pytest.mark.parametrize('made', ['activations', 'pred_sem_seg'])
def test_metric_where_no_pixel_counts(tmp_path, masks, made):
    Image.fromarray(np.full((8, 12), 255, np.uint8)).save(tmp_path / 'masks/a.png')
    value = dict(activations=torch.rand(1, 8, 12), pred_sem_seg=dict(
        data=torch.zeros(1, 8, 12).byte()))[made]
    metric = quality_metric(tmp_path)
    metric.process({}, [{'image_id': 'a', 'activation_classes': [0], made: value}])
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        assert metric.evaluate(size=1) == {}
    assert quality_metric(tmp_path).compute_metrics([]) == {}


def test_threshold_of_the_metric_gives_the_labels_that_it_judged(tmp_path, masks):
    """Rounded down to 4 digits, 1/3 would turn pixels that lie on it to foreground."""
    Image.fromarray(np.kron([[1, 2], [0, 0]], np.ones((4, 6))).astype(np.uint8)).save(
        tmp_path / 'masks/a.png')
    maps = torch.zeros(2, 8, 12)
    maps[0, :4, :6] = maps[1, :4, 6:] = 86 / 255
    maps[0, 4:] = 85 / 255
    metric = quality_metric(tmp_path)
    metric.process({}, [dict(image_id='a', activations=maps, activation_classes=[0, 1])])
    got = metric.evaluate(size=1)
    labels = seed_labels(threshold_background(maps, got['labels/threshold']), [1, 2])
    assert got['labels/mIoU'] == 100
    assert np.array_equal(labels, np.array(Image.open(tmp_path / 'masks/a.png')))


@pytest.fixture
def stored(tmp_path):
    """Maps of four images in a store; the masks agree with those of the first two alone."""
    store = ActivationStore(tmp_path / 'maps', ('cat', 'dog'))
    for folder in ('images', 'masks'):
        (tmp_path / folder).mkdir()
    for name in 'abcd':
        Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(tmp_path / f'images/{name}.png')
        maps, truth = torch.zeros(1, 4, 4), np.zeros((16, 16), np.uint8)
        maps[:, 1:3, 1:3] = 1
        truth[(slice(4, 12), ) * 2 if name in 'ab' else (slice(2), ) * 2] = 1
        store.write(name, maps, [0], (16, 16))
        Image.fromarray(truth).save(tmp_path / f'masks/{name}.png')
    ImageLabels(('cat', 'dog'), {name: ['cat'] for name in 'abcd'}).save(tmp_path / 'labels.json')
    return tmp_path


def judge_while_writing(root, out):
    init_default_scope('mmpretrain')
    return Runner.from_cfg(Config(dict(
        default_scope='mmpretrain', work_dir=str(root / 'work'), log_level='INFO',
        custom_hooks=[dict(type='PreflightHook')],
        model=dict(type='StoredActivations', store=str(root / 'maps')),
        test_dataloader=dict(
            batch_size=1, num_workers=0,
            sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
            dataset=dict(
                type='ImageLabelDataset', data_root=str(root), label_file='labels.json',
                data_prefix='images', skip_stored=str(root / out), test_mode=True,
                pipeline=[dict(type='PackInputs', meta_keys=('img_path', 'image_id'))])),
        test_cfg=dict(), test_evaluator=[
            dict(type='LabelWriter', out=str(root / out),
                 rule=dict(kind='threshold', threshold=0.3)),
            dict(type='PseudoLabelQuality', prefix='maps', masks=str(root / 'masks'),
                 num_classes=3)],
        experiment_name=f'judge{np.random.default_rng().integers(1 << 60)}'))).test()


def log_of(root):
    newest = max((root / 'work').glob('*/*.log'), key=os.path.getmtime)
    return newest.read_text()


@pytest.mark.parametrize('done', ['ab', 'abcd'])
def test_a_test_that_goes_on_after_a_stop_judges_nothing(stored, monkeypatch, done):
    """The images that were left are not the list, and there may be none."""
    def stop(*args):
        raise KeyboardInterrupt

    whole = judge_while_writing(stored, 'whole')
    assert 0 < whole['maps/mIoU'] < 100 and 'left out' not in log_of(stored)
    write, commit = LabelWriter._write, LabelStore.commit
    monkeypatch.setattr(LabelWriter, '_write', lambda writer, image_id, sample: (
        write(writer, image_id, sample) if image_id in done else stop()))
    monkeypatch.setattr(LabelStore, 'commit', stop)
    with pytest.raises(KeyboardInterrupt):
        judge_while_writing(stored, 'labels')
    monkeypatch.setattr(LabelWriter, '_write', write)
    monkeypatch.setattr(LabelStore, 'commit', commit)
    rest = judge_while_writing(stored, 'labels')
    assert rest['pseudo_labels/images'] == 4 - len(done)
    assert not any(name.startswith('maps/') for name in rest)
    assert (f'maps: {len(done)} of 4 images are left out, which {stored}/labels holds'
            in log_of(stored))
    assert (f'tools/evaluate_labels.py --pred {stored}/labels --gt {stored}/masks --num-classes 3 '
            '--list LIST' in log_of(stored))


@pytest.mark.parametrize('size', [(33, 50), (32, 48), (35, 41)])
def test_coarse_maps_are_laid_over_the_image_as_the_store_does(tmp_path, size):
    h, w = -(-size[0] // 4), -(-size[1] // 4)
    maps = torch.rand(2, h, w).mul(255).round() / 255
    truth = random_labels(size, (0, 1, 2))
    (tmp_path / 'masks').mkdir()
    Image.fromarray(truth).save(tmp_path / 'masks' / 'a.png')
    store = ActivationStore(tmp_path / 'maps', classes=['x', 'y', 'z'])
    store.write('a', maps, [0, 1], size)
    expected = ThresholdCurve(C)
    expected.update(store.read('a')[1].clamp(0, 1).numpy(), [1, 2], truth)
    metric = METRICS.build(dict(type='PseudoLabelQuality', masks=str(tmp_path / 'masks'),
                                num_classes=C))
    metric.process({}, [dict(image_id='a', activations=maps, activation_classes=[0, 1])])
    got = metric.evaluate(size=1)
    best = expected.best()
    assert got['labels/threshold'] == pytest.approx(best / 255, abs=1e-4)
    assert got['labels/mIoU'] == pytest.approx(expected.quality(best)['miou'], abs=1e-3)


def load_tool():
    spec = importlib.util.spec_from_file_location('evaluate_labels',
                                                  ROOT / 'tools/evaluate_labels.py')
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool


def test_tool_on_folder_and_store(tmp_path, masks, capsys):
    common = ['--gt', str(tmp_path / 'masks'), '--list', str(tmp_path / 'list.txt'),
              '--num-classes', str(C), '--json', str(tmp_path / 'out.json')]
    labels = {name: random_labels((8, 12), (0, 1, 2, 255)) for name in masks}
    store = LabelStore(tmp_path / 'store', num_classes=C)
    for name, value in labels.items():
        store.write(1, name, value)
    store.commit(1)
    expected = label_quality(sum(count_labels(labels[name], masks[name], C) for name in masks))
    for pred in (store.root, store.labels_folder()):
        assert load_tool().main(['--pred', str(pred), *common]) == 0
        written = json.loads((tmp_path / 'out.json').read_text())
        assert written['miou'] == pytest.approx(expected['miou']) and written['images'] == 2
        assert written['iou'][3] is None
        assert f'{expected["miou"]:.2f}' in capsys.readouterr().out


def test_tool_on_activations(tmp_path, masks, capsys):
    store = ActivationStore(tmp_path / 'maps', classes=['x', 'y', 'z'], stride=1)
    for name, mask in masks.items():
        store.write(name, np.stack([(mask == label) * 0.6 for label in (1, 2)]), [0, 1], (8, 12))
    assert load_tool().main([
        '--pred', str(store.root), '--gt', str(tmp_path / 'masks'), '--list',
        str(tmp_path / 'list.txt'), '--num-classes', str(C), '--json',
        str(tmp_path / 'out.json'), '--curve', str(tmp_path / 'curve.png')]) == 0
    written = json.loads((tmp_path / 'out.json').read_text())
    assert written['miou'] == 100 and len(written['curve']['miou']) == 256
    assert Image.open(tmp_path / 'curve.png').width > 100
    assert 'best background threshold' in capsys.readouterr().out


@pytest.mark.parametrize('change, message', [
    (dict(pred='none'), 'no such folder'), (dict(list='none.txt'), 'does not exist'),
    (dict(pred='empty'), 'no such file, but the list names'),
    (dict(curve='x.png'), '--curve needs activation maps')])
def test_tool_refuses_bad_input(tmp_path, masks, capsys, change, message):
    (tmp_path / 'empty').mkdir()
    arguments = dict(pred='masks', gt='masks', list='list.txt', **{'num-classes': str(C)})
    arguments.update(change)
    argv = [part for name, value in arguments.items() for part in (
        f'--{name}', value if name == 'num-classes' else str(tmp_path / value))]
    assert load_tool().main(argv) == 2
    assert message in capsys.readouterr().err


def judge(root, *more, pred='maps', classes=3):
    return load_tool().main(['--pred', str(root / pred), '--gt', str(root / 'masks'), '--list',
                             str(root / 'list.txt'), '--num-classes', str(classes), *more])


@pytest.mark.parametrize('size', [(16, 20), (7, 123)])
@pytest.mark.parametrize('present', [[0], []])
def test_tool_refuses_masks_of_another_size(stored, capsys, size, present):
    ActivationStore(stored / 'maps').write('b', torch.ones(len(present), 5, 4), present, (20, 16))
    Image.fromarray(np.ones(size, np.uint8)).save(stored / 'masks/b.png')
    (stored / 'list.txt').write_text('a\nb\n')
    assert judge(stored) == 2
    assert (f'b: its maps are of an image of (20, 16) (H, W), the mask in {stored}/masks is {size}'
            in capsys.readouterr().err)


def test_tool_leaves_out_what_the_store_lists_as_unreadable(stored, capsys):
    """As the metric does."""
    (stored / 'list.txt').write_text('a\nb\nc\n')
    (stored / 'maps/maps/c.png').unlink()
    assert judge(stored) == 2
    assert "c: 'c' has no activation maps" in capsys.readouterr().err
    ActivationStore(stored / 'maps').list_unreadable({'c': 'cut short'})
    assert judge(stored, '--json', str(stored / 'c.json')) == 0
    assert '1 images left out, which the store lists as unreadable: c' in capsys.readouterr().out
    written = json.loads((stored / 'c.json').read_text())
    assert written['images'] == 2 and written['unreadable'] == ['c'] and written['miou'] == 100
    (stored / 'list.txt').write_text('c\n')
    assert judge(stored) == 2
    assert 'lists all images of' in capsys.readouterr().err


def test_tool_makes_folders_of_its_outputs(stored, capsys):
    (stored / 'list.txt').write_text('a\n')
    out = stored / 'not/there'
    assert judge(stored, '--json', str(out / 'a.json'), '--curve', str(out / 'sub/a.PNG')) == 0
    assert json.loads((out / 'a.json').read_text())['miou'] == 100
    assert Image.open(out / 'sub/a.PNG').width > 100
    assert sorted(path.name for path in out.rglob('*')) == ['a.PNG', 'a.json', 'sub']


@pytest.mark.parametrize('option, name, message', [
    ('--json', 'masks', 'is a folder'), ('--json', 'list.txt/a.json', 'list.txt'),
    ('--curve', 'a.xyz', 'unknown kind of picture'), ('--curve', 'a', 'unknown kind of picture')])
def test_tool_looks_at_its_outputs_before_the_work(stored, capsys, monkeypatch, option, name,
                                                   message):
    def read(*args):
        raise AssertionError('work has begun')

    (stored / 'list.txt').write_text('a\n')
    monkeypatch.setattr(ActivationStore, 'read', read)
    assert judge(stored, option, str(stored / name)) == 2
    assert message in capsys.readouterr().err


def test_tool_where_no_pixel_counts(stored, capsys):
    (stored / 'list.txt').write_text('a\n')
    Image.fromarray(np.full((16, 16), 255, np.uint8)).save(stored / 'masks/a.png')
    for pred in ('maps', 'masks'):
        assert judge(stored, pred=pred) == 2
        assert 'no pixel of the masks of 1 images has a label other' in capsys.readouterr().err


def test_tool_names_a_damaged_store(stored, capsys):
    (stored / 'list.txt').write_text('a\n')
    (stored / 'maps/store.json').write_text('{"activations": 1, "clas')
    assert judge(stored) == 2
    error = capsys.readouterr().err
    assert 'maps/store.json: damaged' in error and 'put a copy of it back' in error
