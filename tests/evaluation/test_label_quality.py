"""Label quality against loops over pixels and thresholds."""
import importlib.util
import json
import math

import numpy as np
import pytest
import torch
from mmengine.registry import METRICS
from PIL import Image

from mmwsss.evaluation import ThresholdCurve, count_labels, label_quality
from mmwsss.labels import ActivationStore, LabelStore
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
        # Exactly on a threshold, and the ends.
        maps.reshape(-1)[:3] = np.array([51 / 255, 0, 1], np.float32)[:maps.size and 3]
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
            scores = np.concatenate([np.full((1, 5, 6), index / 255), maps.astype(np.float64)])
            pairs.append((np.array([0, *label_ids])[scores.argmax(axis=0)], truth))
        got = curve.quality(index)
        expected = brute_force(pairs)
        np.testing.assert_allclose(got['iou'], expected['iou'])
        np.testing.assert_allclose(got['precision'], expected['precision'])
        assert whole['miou'][index] == pytest.approx(np.nanmean(expected['iou']))
    assert curve.best() == np.argmax(whole['miou']) and len(whole['threshold']) == 256


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
     r'true mask: values \[77\]|labels: values \[77\]'),
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
