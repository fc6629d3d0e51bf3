"""Seeds as a user makes them: stopped by a broken file, gone on with by two processes; the labels
are then, byte by byte, those of one undisturbed process."""
import os
import re
import sys
import time

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from PIL import Image

import mmwsss  # noqa: F401
from mmwsss.datasets import ImageLabels
from mmwsss.labels import ActivationStore, LabelStore
from tests import processes
from tests.paths import ROOT

CLASSES = ('cat', 'dog', 'cow')
COUNT, BROKEN = 9, 5
CONFIG = """
custom_imports = dict(imports=['mmwsss'], allow_failed_imports=False)
default_scope = 'mmpretrain'
model = dict(type='StoredActivations', store={root!r} + '/maps')
model_wrapper_cfg = dict(type='ParameterFreeWrapper')
custom_hooks = [dict(type='PreflightHook')]
test_dataloader = dict(
    batch_size=1, num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type='ImageLabelDataset', data_root={root!r}, label_file='labels.json',
        data_prefix='images', skip_stored={out!r}, test_mode=True,
        pipeline=[dict(type='PackInputs', meta_keys=('img_path', 'image_id'))]))
test_cfg = dict(type='TestLoop')
test_evaluator = dict(
    type='LabelWriter', out={out!r}, crf='irn',
    rule=dict(kind='two_thresholds', foreground=0.6, background=0.3, normalize='class'))
env_cfg = dict(mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
               dist_cfg=dict(backend='nccl'))
"""


@pytest.fixture
def root(tmp_path):
    init_default_scope('mmpretrain')
    rng = np.random.default_rng(0)
    (tmp_path / 'images').mkdir()
    store, labels = ActivationStore(tmp_path / 'maps', CLASSES, source=dict(by='hand')), {}
    for i in range(COUNT):
        name, size = f'{i:03}', (24, 32) if i % 3 else (29, 21)
        pixels = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / 'images' / f'{name}.png')
        classes = [j for j in range(3) if i & 1 << j]
        cells = [-(-length // 4) for length in size]
        store.write(name, rng.uniform(0, 1, (len(classes), *cells)), classes, size)
        labels[name] = [CLASSES[j] for j in classes]
    ImageLabels(CLASSES, labels).save(tmp_path / 'labels.json')
    return tmp_path


def write_config(root, out) -> str:
    path = root / f'{out}.py'
    path.write_text(CONFIG.format(root=str(root), out=str(root / out)))
    return str(path)


def one_process(root, out) -> dict:
    cfg = Config.fromfile(write_config(root, out))
    cfg.update(work_dir=str(root / 'work'), log_level='ERROR',
               experiment_name=f'{root.name}{time.time_ns()}')
    return Runner.from_cfg(cfg).test()


def two_processes(root, out) -> str:
    env = dict(os.environ, OMP_NUM_THREADS='1', MKL_NUM_THREADS='1', PYTHON=sys.executable,
               PYTHONPATH=str(ROOT), PORT=processes.free_port())
    done = processes.run(
        ['bash', ROOT / 'tools/dist_test.sh', write_config(root, out), 'none', '2', '--work-dir',
         root / 'work2'], env=env, cwd=root)
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


def files(root, out) -> dict:
    folder = LabelStore(root / out).labels_folder()
    return {path.name: path.read_bytes() for path in folder.glob('*.png')}


def test_stopped_then_two_processes_give_the_labels_of_one(root):
    assert one_process(root, 'one')['pseudo_labels/images'] == COUNT
    broken = root / f'maps/maps/{BROKEN:03}.png'
    data = broken.read_bytes()
    broken.write_bytes(data[:-20])
    with pytest.raises(ValueError, match=f'{BROKEN:03}.png: cut short'):
        one_process(root, 'two')
    part = root / 'two/versions/000001.part/labels'
    times = {path.name: path.stat().st_mtime_ns for path in part.glob('*.png')}
    assert len(times) == BROKEN
    broken.write_bytes(data)
    out = two_processes(root, 'two')
    assert re.findall(r'pseudo_labels/images: (\d+)', out) == [str(COUNT - BROKEN)]
    assert files(root, 'two') == files(root, 'one') and len(files(root, 'one')) == COUNT
    folder = LabelStore(root / 'two').labels_folder()
    assert all((folder / name).stat().st_mtime_ns == when for name, when in times.items())
    first, second = (LabelStore(root / name).manifest() for name in ('one', 'two'))
    assert first['pixels'] == second['pixels'] and first['files'] == second['files']
