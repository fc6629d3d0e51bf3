"""tools/train.py and tools/test.py as a user runs them: other processes, killed, resumed, two at
once, two together. Small data, a two-layer network."""
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mmwsss.engine import load_checkpoint_safely
from tests import processes
from tests.engine import tiny
from tests.paths import ROOT
from tests.processes import free_port

TRAIN, TEST = str(ROOT / 'tools/train.py'), str(ROOT / 'tools/test.py')
ENV = dict(os.environ, OMP_NUM_THREADS='1', MKL_NUM_THREADS='1', PYTHON=sys.executable)
# tools must find mmwsss by themselves; only the tests' own tiny_model comes from PYTHONPATH
ENV['PYTHONPATH'] = str(ROOT)
SEED = 'randomness.seed=3'


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp('tools')
    tiny.make_data(folder / 'data')
    return folder


def command(*args, **kwargs):
    return processes.run(args, env=ENV, **kwargs)


def run(*args, **kwargs) -> str:
    done = command(*args, **kwargs)
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


def losses(work_dir: Path) -> dict:
    """Loss by iteration, the last logged of each (a killed run logs some twice)."""
    rows = {}
    for path in sorted(work_dir.glob('*/vis_data/scalars.json')):
        for line in path.read_text().splitlines():
            entry = json.loads(line)
            if 'loss' in entry:
                rows[entry['iter']] = entry['loss']
    return rows


@pytest.fixture(scope='module')
def whole(place):
    """An undisturbed run, started from a folder that knows nothing of the project."""
    config = tiny.write_config(place, place / 'data', name='whole.py', interval=4)
    log = run(sys.executable, TRAIN, config, '--work-dir', place / 'whole', '--cfg-options', SEED,
              cwd=place)
    return place / 'whole', log


def test_an_undisturbed_run(whole):
    folder, log = whole
    assert sorted(losses(folder)) == list(range(1, 11))
    assert losses(folder)[10] < losses(folder)[1]
    assert 'aeroplane' in log  # IoU of each class
    assert {p.name for p in folder.glob('*.pth')} == {f'iter_{i}.pth' for i in (4, 8, 10)}


def start(config, work_dir, place) -> subprocess.Popen:
    """Start a run that hangs in its third iteration, and wait for its checkpoint of the second."""
    with open(f'{work_dir}.log', 'w') as log:
        process = subprocess.Popen(
            [sys.executable, TRAIN, str(config), '--work-dir', str(work_dir), '--resume',
             '--cfg-options', SEED], env=ENV, cwd=place, stdout=log, stderr=log)
    deadline = time.time() + 100
    while not (work_dir / 'last_checkpoint').exists():
        assert time.time() < deadline and process.poll() is None
        time.sleep(0.02)
    return process


def test_killed_runs_are_exclusive_resume_exactly_and_survive_a_cut_checkpoint(place, whole):
    hanging = tiny.write_config(place, place / 'data', name='hanging.py', interval=2,
                                hang_after=2, workers=2)
    work_dir = place / 'killed'
    process = start(hanging, work_dir, place)
    try:
        second = command(sys.executable, TRAIN, hanging, '--work-dir', work_dir, cwd=place)
        assert second.returncode != 0
        assert f'is in use by process {process.pid}' in second.stdout
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert 'nothing to resume' in Path(f'{work_dir}.log').read_text()

    # at once: data workers of the killed run may still be there
    config = tiny.write_config(place, place / 'data', name='resumed.py', interval=2)
    log = run(sys.executable, TRAIN, config, '--work-dir', work_dir, '--resume',
              work_dir / 'iter_2.pth', '--cfg-options', 'train_cfg.max_iters=8', cwd=place)
    assert 'resumed epoch: 0, iter: 2' in log
    path = work_dir / 'iter_8.pth'
    path.write_bytes(path.read_bytes()[:-1000])
    log = run(sys.executable, TRAIN, config, '--work-dir', work_dir, '--resume', cwd=place)
    assert re.search(r'skipped \S*iter_8\.pth: .*cut short', log)
    assert re.search(r'resuming from \S*iter_6\.pth', log)
    assert losses(work_dir) == losses(whole[0])
    a, b = (load_checkpoint_safely(d / 'iter_10.pth')['state_dict'] for d in (work_dir, whole[0]))
    assert all(torch.equal(a[k], b[k]) for k in a)


def test_test_writes_metrics_label_maps_and_paintings(place, whole):
    folder, train_log = whole
    config = place / 'whole.py'
    log = run(sys.executable, TEST, config, folder / 'iter_10.pth', '--work-dir', place / 'test',
              '--out', place / 'maps', '--show-dir', place / 'painted', cwd=place)
    table = re.findall(r'\|\s+background\s+\|.*', train_log)[-1]
    assert table in log  # the same IoU as in the last validation
    maps = sorted((place / 'maps').glob('*.png'))
    assert [p.stem for p in maps] == [f'im_{i}' for i in range(6)]
    assert np.array(Image.open(maps[0])).shape == (20, 24)
    assert list((place / 'painted').rglob('*.png'))
    assert list((place / 'test').glob('*/*.json'))


def test_a_crf_runs_in_the_test_loop_and_leaves_no_logits(place, whole):
    log = run(sys.executable, TEST, place / 'whole.py', whole[0] / 'iter_10.pth', '--crf', 'irn',
              '--crf-options', 'min_probability=0', 'iterations=3', '--work-dir', place / 'crf',
              '--out', place / 'crf_maps', cwd=place)
    assert 'mIoU' in log and 'missing keys' not in log and 'unexpected key' not in log
    used = (place / 'crf/whole.py').read_text()
    assert "type='SegCRFModel'" in used and "preset='irn'" in used and 'iterations=3' in used
    assert not [p for p in (place / 'crf').rglob('*') if p.suffix in ('.npy', '.npz', '.pth')]
    assert len(list((place / 'crf_maps').glob('*.png'))) == 6


def test_tta(place, whole):
    extra = """
tta_model = dict(type='SegTTAModel')
tta_pipeline = [dict(type='LoadImageFromFile'), dict(
    type='TestTimeAug', transforms=[
        [dict(type='Resize', scale_factor=f, keep_ratio=True) for f in (0.8, 1.0)],
        [dict(type='RandomFlip', prob=p, direction='horizontal') for p in (0., 1.)],
        [dict(type='LoadSegLabels')], [dict(type='PackSegInputs')]])]
"""
    config = tiny.write_config(place, place / 'data', name='tta.py', extra=extra)
    for options in ([], ['--crf']):
        log = run(sys.executable, TEST, config, whole[0] / 'iter_10.pth', '--tta', *options,
                  '--work-dir', place / 'tta', cwd=place)
        assert 'mIoU' in log


def test_two_processes_train_like_one_with_the_same_global_batch(place):
    """Same batches, same mean loss, same weights: gloo on CPU."""
    config = tiny.write_config(
        place, place / 'data', name='ddp.py', iters=4, interval=4, val_interval=4,
        extra="model['decode_head']['dropout_ratio'] = 0.0\n")
    run(sys.executable, TRAIN, config, '--work-dir', place / 'one', '--cfg-options', SEED,
        cwd=place)
    done = processes.run(
        ['bash', ROOT / 'tools/dist_train.sh', config, '2', '--work-dir', place / 'two',
         '--cfg-options', SEED, 'train_dataloader.batch_size=2'],
        env=dict(ENV, PORT=free_port()), cwd=place)
    assert done.returncode == 0, done.stdout[-3000:]
    one, two = (load_checkpoint_safely(place / d / 'iter_4.pth')['state_dict']
                for d in ('one', 'two'))
    for key, value in one.items():
        torch.testing.assert_close(two[key], value, rtol=1e-5, atol=1e-6)
    tested = processes.run(
        ['bash', ROOT / 'tools/dist_test.sh', config, place / 'two/iter_4.pth', '2', '--work-dir',
         place / 'two_test'], env=dict(ENV, PORT=free_port()), cwd=place)
    assert tested.returncode == 0, tested.stdout[-3000:]
    miou = re.findall(r'mIoU: ([\d.]+)', done.stdout)[-1]
    assert re.findall(r'mIoU: ([\d.]+)', tested.stdout)[-1] == miou


@pytest.mark.parametrize('script', ['dist_train', 'dist_test', 'slurm_train', 'slurm_test'])
def test_scripts_say_how_to_call_them(script):
    done = command('bash', ROOT / f'tools/{script}.sh')
    assert done.returncode == 2 and f'tools/{script}.sh' in done.stdout


@pytest.mark.parametrize('script, args, tool', [
    ('slurm_train', ['part', 'job', 'c.py', '--amp'], 'train.py'),
    ('slurm_test', ['part', 'job', 'c.py', 'x.pth', '--tta'], 'test.py')])
def test_slurm_scripts_hand_everything_to_srun(tmp_path, script, args, tool):
    (tmp_path / 'srun').write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / 'srun').chmod(0o755)
    done = subprocess.run(
        ['bash', str(ROOT / f'tools/{script}.sh'), *args], text=True, capture_output=True,
        env=dict(ENV, PATH=f'{tmp_path}:{os.environ["PATH"]}', GPUS='2', SRUN_ARGS='--x=1 --y'))
    assert done.returncode == 0, done.stderr
    for part in ('--partition=part', '--job-name=job', '--gres=gpu:2', '--ntasks=2', '--x=1 --y',
                 f'tools/{tool} c.py', '--launcher slurm ' + args[-1]):
        assert part in done.stdout
