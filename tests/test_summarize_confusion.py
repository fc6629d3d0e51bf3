"""Confusion between related classes, counted a pixel at a time."""
import importlib.util

import numpy as np
import pytest

from mmwsss.labels.palette_png import encode_labels

from .paths import ROOT

_SPEC = importlib.util.spec_from_file_location(
    'summarize_confusion', ROOT / 'benchmarks' / 'summarize_confusion.py')
summarize = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(summarize)

CAT, DOG, SOFA = 8, 12, 18


def write(folder, masks):
    folder.mkdir(parents=True)
    for name, mask in masks.items():
        (folder / f'{name}.png').write_bytes(encode_labels(mask))


@pytest.fixture
def masks(tmp_path):
    rng = np.random.default_rng(0)
    truth = dict(a=rng.choice([0, CAT, DOG, 255], (8, 12)).astype(np.uint8),
                 b=rng.choice([0, CAT, 255], (8, 12)).astype(np.uint8))
    given = {run: {name: rng.choice([0, CAT, DOG, SOFA], (8, 12)).astype(np.uint8)
                   for name in 'ab'} for run in ('aspp_s0', 'grm_s0', 'aspp_s1')}
    write(tmp_path / 'gt', truth)
    for run, labels in given.items():
        write(tmp_path / 'runs' / run, labels)
    (tmp_path / 'list.txt').write_text('a\nb\n')
    return truth, given


def related_to(pairs):
    related = np.zeros((20, 20), dtype=bool)
    for a, b in pairs:
        related[a - 1, b - 1] = True
    return related


def by_hand(truth, given, pairs):
    foreground = wrong = among = absent = counted = 0
    for name, right in truth.items():
        there = set(right.ravel().tolist())
        for t, p in zip(right.ravel().tolist(), given[name].ravel().tolist()):
            if t == 255:
                continue
            counted += 1
            foreground += t > 0
            wrong += t > 0 and p > 0 and t != p
            among += (t, p) in pairs
            absent += p > 0 and p not in there
    return dict(wrong=100 * wrong / foreground, related=100 * among / foreground,
                part=100 * among / wrong, absent=100 * absent / counted)


def test_shares_of_pixels(tmp_path, masks):
    truth, given = masks
    pairs = {(CAT, DOG), (DOG, SOFA)}
    rates = summarize.rates_of(tmp_path / 'runs/aspp_s0', tmp_path / 'gt', ['a', 'b'],
                               related_to(pairs), [[CAT, DOG], [CAT]])
    expected = by_hand(truth, given['aspp_s0'], pairs)
    assert {key: rates[key] for key in expected} == pytest.approx(expected)
    assert expected['related'] > 0 and expected['absent'] > 0
    hit = union = 0
    for name, right in truth.items():
        for t, p in zip(right.ravel(), given['aspp_s0'][name].ravel()):
            hit += int(t == CAT and p == CAT)
            union += int(t != 255 and (t == CAT or p == CAT))
    assert rates['group1'] == pytest.approx(100 * hit / union)


def test_the_strongest_relations_count_and_oneself_never():
    relations = np.array([[9., 1., 3., 2.], [1., 9., 0., 0.], [2., 2., 9., 2.], [5., 4., 3., 9.]])
    related = summarize.related_classes(relations, 2)
    assert [np.flatnonzero(row).tolist() for row in related] == [[2, 3], [0], [0, 1], [0, 1]]


def test_table_and_errors(tmp_path, masks, capsys):
    truth, given = masks
    command = [str(tmp_path / 'runs'), '--gt', str(tmp_path / 'gt'), '--list',
               str(tmp_path / 'list.txt'), '--control', 'aspp', '--groups', 'cat,dog']
    assert summarize.main(command) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = {line.split(' | ')[0].strip('| '): line for line in lines}
    assert 'IoU cat,dog' in rows['run'] and rows['aspp'].split(' | ')[1] == '2'
    wrong = [by_hand(truth, given[run], {(CAT, DOG)})['wrong'] for run in ('aspp_s0', 'grm_s0')]
    assert f'{wrong[1]:.2f}; {wrong[1] - wrong[0]:+.2f} (' in rows['grm']
    assert summarize.main([*command[:-1], 'cat,unicorn']) == 2
    assert 'unicorn' in capsys.readouterr().err
    command[6] = 'nothing'
    assert summarize.main(command) == 2
    assert 'no run of the control' in capsys.readouterr().err
