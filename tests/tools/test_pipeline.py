"""tools/pipeline.py as a user runs it: other processes, killed, gone on with, two at once, two
together. Small data, a two-layer network."""
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from mmwsss.engine import load_checkpoint_safely
from mmwsss.labels import LabelStore
from tests.engine import tiny
from tests.paths import ROOT
from tests.tools.test_label_writing import root  # noqa: F401  (maps, images and labels)
from tests.tools.test_label_writing import write_config

PIPELINE = str(ROOT / 'tools/pipeline.py')
ENV = {name: value for name, value in os.environ.items() if not name.startswith('MMWSSS_')}
ENV.update(OMP_NUM_THREADS='1', MKL_NUM_THREADS='1', PYTHONPATH=str(ROOT))
SEGMENT = """
data = dict(root={data!r}, images='JPEGImages', train_list='train.txt', val_masks='labels',
            classes='voc')
stages = dict(
    segmentation=dict(
        train={config!r}, inputs=dict(images='{{data.images}}', train_list='{{data.train_list}}'),
        iterations=6, key_figure=dict(metric='mIoU', name='mIoU', unit='%')),
    test=dict(
        test={config!r}, inputs=dict(checkpoint='{{segmentation.checkpoint}}'),
        outputs=dict(predictions='predictions'), args=['--out', '{{predictions}}'],
        key_figure=dict(metric='mIoU', name='mIoU', unit='%')))
"""
SEEDS = """
data = dict(root={data!r}, classes='labels.json')
stages = dict(seeds=dict(
    test={config!r}, outputs=dict(labels='labels'),
    inputs=dict(images={data!r} + '/images', activations={data!r} + '/maps')))
"""


def start(path, work, *args) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, PIPELINE, str(path), '--work-dir', str(work), *map(str, args)], env=ENV,
        text=True, cwd=path.parent, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def run(path, work, *args, code=0) -> str:
    process = start(path, work, *args)
    out, _ = process.communicate(timeout=600)
    assert process.returncode == code, out[-3000:]
    return out


def record(work, stage) -> dict:
    return json.loads((work / 'stages' / stage / 'stage.json').read_text())


@pytest.fixture
def place(tmp_path):
    tiny.make_data(tmp_path / 'data')
    return tmp_path


def write_pipeline(place, **options):
    config = tiny.write_config(place, place / 'data', name='tiny.py', **options)
    path = place / 'segment.py'
    path.write_text(SEGMENT.format(data=str(place / 'data'), config=str(config)))
    return path


def wait_for(condition, process) -> None:
    deadline = time.time() + 300
    while not condition():
        assert time.time() < deadline and process.poll() is None, process.stdout.read()
        time.sleep(0.05)


def weights(work) -> dict:
    path = work / 'stages/segmentation/run/iter_6.pth'
    return load_checkpoint_safely(str(path))['state_dict']


@pytest.mark.slow
def test_killed_in_training_it_ends_as_if_undisturbed(place):
    pipeline = write_pipeline(place, interval=2)
    out = run(pipeline, place / 'whole')
    assert 'segmentation: done' in out and 'test: done' in out
    whole = record(place / 'whole', 'test')
    assert whole['key_figure']['name'] == 'mIoU' and whole['peak_memory_mb'] > 50
    assert len(list((place / 'whole/stages/test/predictions').glob('*.png'))) == 6
    assert run(pipeline, place / 'whole').count('nothing has changed, kept') == 2

    work = place / 'killed'
    # It hangs in its fourth iteration; workers fetch ahead, so the weights are those of step 2.
    write_pipeline(place, interval=2, hang_after=3)
    process = start(pipeline, work)
    wait_for((work / 'stages/segmentation/run/last_checkpoint').exists, process)
    second = run(pipeline, work, code=1)
    assert f'is in use by process {process.pid}' in second
    child = record(work, 'segmentation')['pid']
    process.send_signal(signal.SIGKILL)
    process.wait()
    table = run(pipeline, work, '--status')
    assert 'stopped' in table and 'it was stopped' in table
    # The same settings, so that it goes on: what made it hang is put right in place.
    config = work / 'stages/segmentation/config.py'
    mend(work, place)
    out = run(pipeline, work)
    assert 'it was stopped, goes on' in out, out
    assert not os.path.exists(f'/proc/{child}') or child != record(work, 'segmentation')['pid']
    attempts = record(work, 'segmentation')['attempts']
    assert [attempt['status'] for attempt in attempts] == ['killed', 'done']
    log = (work / 'stages/segmentation/log.txt').read_text()
    assert 'resumed epoch: 0, iter: 2' in log and config.is_file()
    a, b = weights(work), weights(place / 'whole')
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert record(work, 'test')['figures']['mIoU'] == whole['figures']['mIoU']


def mend(work, place) -> None:
    """Take the hanging out of the record's settings, as if the machine alone had hung."""
    write_pipeline(place, interval=2)
    path = work / 'stages/segmentation/stage.json'
    content = json.loads(path.read_text())
    content['config_digest'] = record(place / 'whole', 'segmentation')['config_digest']
    path.write_text(json.dumps(content))


@pytest.mark.slow
def test_two_processes_make_the_labels_of_one(root):  # noqa: F811
    broken = root / 'images' / '005.png'
    good = broken.read_bytes()
    path = root / 'seeds.py'
    path.write_text(SEEDS.format(data=str(root), config=write_config(root, 'unused')))
    run(path, root / 'one')
    broken.write_bytes(good[:100])  # both processes begin; the image stops them in the middle
    out = run(path, root / 'two', '--gpus', '2', code=1)
    assert "stage 'seeds' ended with" in out
    broken.write_bytes(good)
    shutil.copystat(root / 'images' / '004.png', broken)
    run(path, root / 'two', '--gpus', '2')
    one, two = (LabelStore(root / work / 'stages/seeds/labels') for work in ('one', 'two'))
    assert one.ids() == two.ids() and len(one.ids()) == 9
    for image_id in one.ids():
        assert np.array_equal(one.read(image_id), two.read(image_id))
    assert record(root / 'two', 'seeds')['commands'][0][1].endswith('dist_test.sh')


def test_commands_of_slurm_and_bad_options(place):
    pipeline = write_pipeline(place)
    out = run(pipeline, place / 'work', '--dry-run', '--slurm', 'gpu', '--gpus', '8')
    assert 'slurm_train.sh gpu segment-segmentation' in out
    assert 'slurm_test.sh gpu segment-test' in out and 'iter_6.pth' in out
    assert not (place / 'work').exists()
    out = run(pipeline, place / 'work', '--only', 'tset', code=1)
    assert "has no stage 'tset'; its stages: segmentation, test" in out
