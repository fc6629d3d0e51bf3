"""tools/test.py --crf: two processes give the metrics and label maps of one."""
import json
import os
import sys

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS

from tests import processes
from tests.engine import tiny
from tests.paths import ROOT

TEST = str(ROOT / 'tools/test.py')
ENV = dict(os.environ, OMP_NUM_THREADS='1', MKL_NUM_THREADS='1', PYTHONPATH=str(ROOT))


def metrics(folder, launch, name, *options):
    """What the test loop measured, and the label maps it wrote."""
    done = processes.run(
        [sys.executable, *launch, TEST, 'tiny.py', 'random.pth', *options, '--work-dir', name,
         '--out', f'{name}_maps'], cwd=folder, env=ENV)
    assert done.returncode == 0, done.stdout[-3000:]
    found, = (folder / name).glob('*/*.json')
    # mmengine's ranks all write this file, at once: the rest of a longer one may follow the first
    measured, _ = json.JSONDecoder().raw_decode(found.read_text())
    return ({key: value for key, value in measured.items() if not key.endswith('time')},
            {path.name: path.read_bytes() for path in (folder / f'{name}_maps').glob('*.png')})


def test_two_processes_refine_like_one(tmp_path):
    tiny.make_data(tmp_path / 'data')
    cfg = Config.fromfile(tiny.write_config(tmp_path, tmp_path / 'data'))
    init_default_scope('mmseg')
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    torch.save(dict(state_dict=model.state_dict(), meta={}), tmp_path / 'random.pth')
    crf = ('--crf', 'irn', '--crf-options', 'iterations=3', 'min_probability=0')
    two = ('-m', 'torch.distributed.run', '--standalone', '--nproc_per_node=2')
    one_measured, one_maps = metrics(tmp_path, (), 'one', *crf)
    both_measured, both_maps = metrics(tmp_path, two, 'both', *crf, '--launcher', 'pytorch')
    assert len(one_maps) == 6 and both_maps == one_maps
    assert both_measured == one_measured and 'mIoU' in one_measured
    assert 'SegCRFModel' in (tmp_path / 'both/tiny.py').read_text()
