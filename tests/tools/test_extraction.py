"""Extraction as a user runs it: killed in the middle, started again with two processes; the store
is then, byte by byte, that of one undisturbed process."""
import os
import re
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import Runner
from PIL import Image

import mmwsss  # noqa: F401
from mmwsss.datasets import ImageLabels
from mmwsss.labels import ActivationStore
from tests.paths import ROOT

CLASSES = ('cat', 'dog', 'cow')
COUNT, HANG_AT = 14, 6
# One image a batch: the last digit of a result may depend on how images are batched.
CONFIG = """
custom_imports = dict(imports=['tests.tools.hanging'], allow_failed_imports=False)
default_scope = 'mmpretrain'
model = dict(
    type='CAMClassifier', test_cam=dict(scales=(1.0, 0.5)),
    data_preprocessor=dict(mean=[120.] * 3, std=[60.] * 3, to_rgb=True),
    backbone=dict(type='ResNet', depth=18, base_channels=4, stem_channels=4, strides=(1, 2, 2, 1)),
    head=dict(type='CAMHead', num_classes=3, in_channels=32))
test_dataloader = dict(
    batch_size=1, num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type='ImageLabelDataset', data_root={root!r}, label_file='labels.json',
        data_prefix='images', skip_stored={store!r}, test_mode=True,
        pipeline=[
            dict(type='HangAtImage'), dict(type='LoadAnyImage'),
            dict(type='PackInputs', meta_keys=('img_path', 'image_id', 'ori_shape'))]))
test_cfg = dict(type='TestLoop')
test_evaluator = dict(type='ActivationWriter', out={store!r})
env_cfg = dict(mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
               dist_cfg=dict(backend='nccl'))
"""


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmpretrain')


@pytest.fixture
def root(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / 'images').mkdir()
    labels = {}
    for i in range(COUNT):
        size = (48, 64) if i % 3 else (57, 41)
        pixels = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / 'images' / f'{i:03}.png')
        labels[f'{i:03}'] = [name for j, name in enumerate(CLASSES) if i & 1 << j]
    ImageLabels(CLASSES, labels).save(tmp_path / 'labels.json')
    return tmp_path


def write_config(root, store) -> str:
    path = root / f'{store}.py'
    path.write_text(CONFIG.format(root=str(root), store=str(root / store)))
    return str(path)


def one_process(root) -> None:
    """Extract in this process; leaves the weights in model.pth."""
    cfg = Config.fromfile(write_config(root, 'one'))
    torch.manual_seed(0)
    torch.save(dict(state_dict=MODELS.build(cfg.model).state_dict()), root / 'model.pth')
    cfg.update(work_dir=str(root / 'work'), load_from=str(root / 'model.pth'), log_level='ERROR',
               experiment_name=f'{root.name}{time.time_ns()}')
    assert Runner.from_cfg(cfg).test() == {'activations/images': COUNT}


def start(root, *command, **env) -> subprocess.Popen:
    """A tool with the options that all runs share."""
    env = dict(os.environ, OMP_NUM_THREADS='1', MKL_NUM_THREADS='1', PYTHON=sys.executable,
               PYTHONPATH=str(ROOT), **env)
    return subprocess.Popen(
        [*command, '--work-dir', str(root / 'work2')], env=env, cwd=root, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)


def free_port() -> str:
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return str(s.getsockname()[1])


def maps(root, store) -> dict:
    return {path.name: path.read_bytes() for path in (root / store / 'maps').glob('*.png')}


def test_killed_then_two_processes_give_the_store_of_one(root):
    config, weights = write_config(root, 'two'), str(root / 'model.pth')
    process = start(root, sys.executable, str(ROOT / 'tools/test.py'), config, weights,
                    MMWSSS_TEST_HANG_AT=str(HANG_AT))
    one_process(root)  # meanwhile: the weights are there long before they are wanted
    deadline = time.time() + 100
    while len(maps(root, 'two')) < HANG_AT - 1:
        assert time.time() < deadline and process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    left = maps(root, 'two')
    assert len(left) == HANG_AT - 1
    times = {name: (root / 'two/maps' / name).stat().st_mtime_ns for name in left}

    process = start(root, 'bash', str(ROOT / 'tools/dist_test.sh'), config, weights, '2',
                    PORT=free_port())
    out, _ = process.communicate(timeout=200)
    assert process.returncode == 0, out[-3000:]
    assert re.findall(r'activations/images: (\d+)', out) == [str(COUNT - len(left))]
    assert all((root / 'two/maps' / name).stat().st_mtime_ns == times[name] for name in left)
    assert maps(root, 'two') == maps(root, 'one') and len(maps(root, 'one')) == COUNT
    assert ActivationStore(root / 'two').pending(f'{i:03}' for i in range(COUNT)) == []
