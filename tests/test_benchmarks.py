"""That the benchmarks run and measure what they say; how fast anything is, no test asserts."""
import argparse
import os
import re
import subprocess
import sys

import pytest
import torch

from benchmarks._measure import (
    check,
    largest_difference,
    peak_bytes,
    ratio,
    spread,
    state_bytes,
    take_turns,
)
from tests.paths import ROOT

NUMBER = re.compile(r'\d+(\.\d+)?')


def run_quick(name: str, *options: str) -> str:
    """What ``benchmarks/name --quick`` prints."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get('PYTHONPATH')]))
    done = subprocess.run(
        [sys.executable, str(ROOT / 'benchmarks' / name), '--quick', *options],
        capture_output=True, text=True, env={**os.environ, 'PYTHONPATH': path}, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def table_rows(text: str) -> list[list[str]]:
    """Cells of all rows of all tables."""
    return [[cell.strip() for cell in line.strip('|').split('|')]
            for line in text.splitlines() if line.startswith('| ')]


@pytest.mark.slow
def test_pgnn_step_beside_the_plain_classifier():
    text = run_quick('pgnn_step.py')
    assert text.count('(equal within') == 4 and 'NOT equal' not in text
    rows = {row[0]: row for row in table_rows(text)}
    names = ['plain classifier', 'patch graph', 'patch graph + SC loss, maps erased',
             'patch graph + SC loss, features erased', 'S 2', 'S 8', 'N 1', 'N 12']
    assert set(names) <= set(rows)
    assert all(NUMBER.search(cell) for name in names for cell in rows[name][1:])


@pytest.mark.slow
def test_cost_of_label_updates():
    rows = {row[0]: row for row in table_rows(run_quick('mutual_complement.py'))}
    updates = ['copy the originals (once)', 'update, predictions changed',
               'update, predictions unchanged']
    shares = ['no updates', "source='online'", "source='inference'"]
    assert {*updates, *shares} <= set(rows)
    assert all(NUMBER.search(cell) for name in updates for cell in rows[name][1:])
    assert all(NUMBER.search(rows[name][1]) for name in shares)


@pytest.mark.slow
@pytest.mark.parametrize('name, tables, checks, names', [
    ('grm_layer.py', 4, 22, ["mode='reference'", 'literal, 1x1 convolution',
                             'bilinear, coarse nodes (default)', 'mmseg: NL']),
    ('train_step.py', 3, 4, ['ASPP-256 + GRM (default)', 'NLHead', 'DNLHead', 'EMAHead',
                             'OCRHead + coarse head', 'FCN, mmseg (512 channels)',
                             'DeepLabV2, straight to classes, MSC']),
    ('recam_step.py', 2, 8, ['literal ReCAM', 'ReCAMHead']),
    ('cam_extraction.py', 1, 1, ['published, a view at a time', 'ours, batch 1',
                                 'ours, batch 4']),
])
def test_quick_run_prints_tables_of_equal_things(name, tables, checks, names):
    text = run_quick(name)
    lines = [line for line in text.splitlines() if line.startswith('check: ')]
    assert len(lines) == checks
    assert all('(equal within' in line for line in lines)
    for label in ('command:', 'commit:', 'machine:', 'torch '):
        assert label in text
    rows = table_rows(text)
    assert len(re.findall('^[|]-', text, re.MULTILINE)) == tables
    body = {row[0]: row for row in rows}
    assert set(names) <= set(body)
    for label in names:
        assert all(NUMBER.search(cell) for cell in body[label][1:]), body[label]


@pytest.mark.slow
def test_maps_of_real_images_and_their_seeds(shared_data, tmp_path):
    from mmengine.config import Config
    from mmengine.registry import MODELS, init_default_scope

    import mmwsss  # noqa: F401
    init_default_scope('mmpretrain')
    model = MODELS.build(Config.fromfile(ROOT / 'configs/recam/cam_r18_toy.py').model)
    torch.save(model.state_dict(), tmp_path / 'weights.pth')
    text = run_quick(
        'cam_extraction.py', '--data', str(shared_data / 'voc_mini/VOCdevkit/VOC2012'), '--images',
        '2', '--batch', '1', '--checkpoint', str(tmp_path / 'weights.pth'))
    body = {row[0]: row for row in table_rows(text)}
    published, ours = body['published, image and mirror'], body['ours, batch 1']
    assert float(published[3]) > 100 > float(ours[3])  # kB an image
    assert 'store, 8 bits at stride 4' in body


@pytest.fixture
def recam_step(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / 'benchmarks'))
    import recam_step
    return recam_step


def test_literal_batch_fits_the_free_memory(recam_step, monkeypatch):
    monkeypatch.setattr(recam_step, 'free_bytes', lambda device: 6000)
    # Three copies of 500 bytes an image in 3000 bytes: 2 images fit, 4 do not.
    assert recam_step.fitting_batch(16, 500, 'cpu') == 2
    assert recam_step.fitting_batch(16, 10**6, 'cpu') == 1
    assert recam_step.fitting_batch(16, 1, 'cpu') == 16


def test_a_literal_form_that_does_not_fit_is_scaled_up(recam_step, capsys):
    args = argparse.Namespace(device='cpu', literal_batch=2)
    recam_step.compare(4, 6, 32, 6, args, repeats=1)
    rows = {(row[0], row[1]): row for row in table_rows(capsys.readouterr().out)}
    small, whole = rows['literal ReCAM', '2'], rows['literal ReCAM (scaled up)', '4']
    assert float(whole[4]) == pytest.approx(2 * float(small[4]), abs=0.11)
    assert ('ReCAMHead', '4') in rows
    # and this is what it would have taken
    assert recam_step.Shape(4, 6, 32, 6, 'cpu').extra_bytes(['literal ReCAM'])[
        'literal ReCAM'] / 1e6 == pytest.approx(float(whole[4]), rel=0.1, abs=0.06)


def test_peak_bytes_counts_what_lives_at_once():
    def run():
        first = torch.empty(1_000_000)
        del first
        second, third = torch.empty(500_000), torch.empty(250_000)
        return second, third

    assert peak_bytes(run) == 4_000_000


def test_peak_bytes_counts_tensors_kept_for_backward():
    x = torch.randn(100_000, requires_grad=True)

    def keeping():
        return (x.exp() * 2).exp().sum()

    def not_keeping():
        with torch.no_grad():
            return keeping()

    # Three maps live at the second exponential: the first one's result is kept for its gradient.
    # Without gradients it is not, and two do. The sum takes a few bytes more.
    assert 1_200_000 <= peak_bytes(keeping) <= 1_200_064
    assert 800_000 <= peak_bytes(not_keeping) <= 800_064


def test_turns_begin_with_another_case_each_time():
    seen = []
    cases = {name: lambda name=name: seen.append(name) for name in 'abc'}
    resets = []
    seconds = take_turns(cases, 3, warmup=1, reset=lambda: resets.append(0))
    assert ''.join(seen) == 'cab' + 'abc' + 'bca' + 'cab'
    assert len(resets) == len(seen)
    assert {name: len(times) for name, times in seconds.items()} == dict(a=3, b=3, c=3)


def test_ratio_is_taken_within_a_turn():
    # A machine that is ten times slower in the second turn changes nothing.
    assert ratio([2., 20., 2.], [1., 10., 1.]) == 2


def test_spread_of_one_value_is_nothing():
    assert spread([3.]) == 0
    assert spread([1., 2., 3.]) == pytest.approx(1.)


def test_state_bytes_counts_parameters_and_buffers():
    assert state_bytes(torch.nn.BatchNorm2d(4)) == 4 * 4 * 4 + 8


def test_check_stops_at_unequal_results(capsys):
    check('same', largest_difference(torch.tensor([1., 2.]), torch.tensor([1., 2.])), 1e-6)
    assert '(equal within' in capsys.readouterr().out
    with pytest.raises(SystemExit, match='cannot be compared'):
        check('other', largest_difference(torch.tensor([1., 2.]), torch.tensor([1., 4.])), 1e-6)
