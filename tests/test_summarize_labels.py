"""The table of label quality: maps and labels judged by a plain loop over pixels."""
import importlib.util
import math

import numpy as np
import pytest
import torch

from mmwsss.datasets.classes import VOC_CLASSES
from mmwsss.labels import ActivationStore
from mmwsss.labels.palette_png import encode_labels

from .paths import ROOT

_SPEC = importlib.util.spec_from_file_location(
    'summarize_labels', ROOT / 'benchmarks' / 'summarize_labels.py')
summarize = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(summarize)

CAT, DOG = 8, 12


def masks(folder, rng):
    folder.mkdir()
    truth = {name: rng.choice([0, CAT, DOG, 255], (8, 12)).astype(np.uint8) for name in 'ab'}
    for name, mask in truth.items():
        (folder / f'{name}.png').write_bytes(encode_labels(mask))
    return truth


def slow_rates(pairs, label):
    """IoU, precision and recall of one label, one pixel after the other."""
    hit = given = true = true_given = 0
    for labels, truth in pairs:
        for ours, right in zip(labels.ravel(), truth.ravel()):
            if right == 255:
                continue
            hit += int(ours == right == label)
            given += int(ours == label)
            true += int(right == label)
            true_given += int(right == label and ours != 255)
    wholes = (given + true_given - hit, given, true)
    return [100 * hit / whole if whole else 0. for whole in wholes]


def test_folders_of_labels(tmp_path):
    rng = np.random.default_rng(0)
    truth = masks(tmp_path / 'gt', rng)
    folder = tmp_path / 'runs' / 'crf_s0'
    folder.mkdir(parents=True)
    labels = {name: rng.choice([0, CAT, DOG, 255], (8, 12)).astype(np.uint8) for name in 'ab'}
    for name, given in labels.items():
        (folder / f'{name}.png').write_bytes(encode_labels(given))
    rates = summarize.rates_of(folder, tmp_path / 'gt', ['a', 'b'], 21)
    result = summarize.summary(rates, [CAT, DOG])
    slow = np.array([slow_rates([(labels[n], truth[n]) for n in 'ab'], label)
                     for label in (0, CAT, DOG)])
    assert result['miou'] == pytest.approx(slow[:, 0].mean())
    assert result['precision'] == pytest.approx(slow[1:, 1].mean())
    assert result['recall'] == pytest.approx(slow[1:, 2].mean())
    counted = np.stack([truth[n] != 255 for n in 'ab'])
    ignored = np.stack([labels[n] == 255 for n in 'ab'])
    assert result['ignored'] == pytest.approx(100 * ignored[counted].mean())
    assert math.isnan(result['threshold'])


def test_maps_at_the_best_threshold_and_at_equal_precision(tmp_path):
    rng = np.random.default_rng(1)
    truth = masks(tmp_path / 'gt', rng)
    store = ActivationStore(tmp_path / 'runs' / 'cam_s0', VOC_CLASSES, stride=1)
    maps = {}
    for name, mask in truth.items():
        noise = rng.random((2, 8, 12))
        maps[name] = 0.6 * noise + 0.4 * np.stack([mask == CAT, mask == DOG])
        store.write(name, torch.tensor(maps[name]), [CAT - 1, DOG - 1], (8, 12))
    rates = summarize.rates_of(tmp_path / 'runs' / 'cam_s0', tmp_path / 'gt', ['a', 'b'], 21)
    slow = []
    for index in range(256):
        pairs = []
        for name, both in maps.items():
            stored = np.round(both * 255).astype(np.float32) / np.float32(255)
            best = stored.max(axis=0)
            given = np.where(stored[0] >= stored[1], CAT, DOG)
            given = np.where(best > np.float32(index / 255), given, 0)
            pairs.append((given, truth[name]))
        rows = [slow_rates(pairs, label) for label in (0, CAT, DOG)]
        slow.append((np.mean([row[0] for row in rows]), *np.mean(rows[1:], axis=0)[1:]))
    slow = np.array(slow)
    best = slow[:, 0].argmax()
    result = summarize.summary(rates, [CAT, DOG], control=dict(precision=60.))
    assert result['threshold'] == pytest.approx(best / 255)
    assert result['miou'] == pytest.approx(slow[best, 0])
    assert [result['precision'], result['recall']] == pytest.approx(slow[best, 1:].tolist())
    assert result['recall_at'] == pytest.approx(slow[slow[:, 1] >= 60, 2].max())


@pytest.mark.parametrize('size', [(12, 8), (16, 24)])
@pytest.mark.parametrize('present', [[CAT - 1], []])
def test_maps_of_images_of_another_size_are_refused(tmp_path, capsys, size, present):
    """Nothing is enlarged to fit, also where there are no maps."""
    masks(tmp_path / 'gt', np.random.default_rng(2))
    store = ActivationStore(tmp_path / 'runs' / 'cam_s0', VOC_CLASSES, stride=4)
    for name, (height, width) in dict(a=(8, 12), b=size).items():
        store.write(name, torch.ones(len(present), height // 4, width // 4), present,
                    (height, width))
    (tmp_path / 'list.txt').write_text('a\nb\n')
    assert summarize.main([str(tmp_path / 'runs'), '--gt', str(tmp_path / 'gt'), '--list',
                           str(tmp_path / 'list.txt'), '--control', 'cam']) == 2
    assert (f'b: maps in {store.root} are of an image of {size} (H, W), the mask in '
            f'{tmp_path}/gt is (8, 12)' in capsys.readouterr().err)


def test_a_damaged_store_is_named(tmp_path):
    (tmp_path / 'store.json').write_text('5')
    with pytest.raises(ValueError, match='store.json: damaged .*put a copy of it back'):
        summarize.rates_of(tmp_path, tmp_path, ['a'], 21)


def rates(miou):
    """One class beside the background, of which all rates are the same."""
    array = np.full((1, 3), float(miou))
    return dict(iou=array, precision=array, recall=array, ignored=0.)


def test_differences_are_paired_by_seed():
    runs = {'cam': {0: rates(40), 1: rates(44)}, 'recam': {0: rates(43), 1: rates(45)}}
    rows = summarize.table(runs, 'cam', [1])
    assert rows[2].startswith('| cam | 2 | 42.00 ± 2.83 |  | ')
    assert rows[3].startswith('| recam | 2 | 44.00 ± 1.41 | +2.00 ± 1.00 (+3.00, +1.00) | ')
    with pytest.raises(ValueError, match='oracle'):
        summarize.table(runs, 'oracle', [1])


def test_bad_input_is_one_line(tmp_path, capsys):
    (tmp_path / 'list.txt').write_text('a\n')
    (tmp_path / 'runs' / 'cam_s0').mkdir(parents=True)
    command = [str(tmp_path / 'runs'), '--gt', str(tmp_path), '--list',
               str(tmp_path / 'list.txt'), '--control', 'cam']
    assert summarize.main([*command, '--classes', 'unicorn']) == 2
    assert 'unicorn' in capsys.readouterr().err
    assert summarize.main(command) == 2
    assert 'a.png' in capsys.readouterr().err
