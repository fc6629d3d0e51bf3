"""What all tests share: fixed seeds, one thread, the shared data, GPU tests kept for a GPU."""
import os

# Before torch is imported: with its default threads a tiny forward pass takes twenty times as
# long on two busy cores.
os.environ.setdefault('OMP_NUM_THREADS', '1')
os.environ.setdefault('MKL_NUM_THREADS', '1')
os.environ.setdefault('MPLBACKEND', 'Agg')
# Configs read the user's own folders from these; tests are about the configs as they are shipped.
for _name in list(os.environ):
    if _name.startswith('MMWSSS_') and _name not in (
            'MMWSSS_SHARED', 'MMWSSS_VENV', 'MMWSSS_WORD2VEC'):
        del os.environ[_name]

import random  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
import pytest  # noqa: E402

from tests.paths import SHARED  # noqa: E402


@pytest.fixture(autouse=True)
def fixed_seed():
    """Seed Python, NumPy and torch: a test gives the same alone and in the whole suite."""
    import torch
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def no_scope_left_behind():
    """MMEngine's default scope is global: what one test sets must not reach the next."""
    yield
    from mmengine.registry import DefaultScope
    DefaultScope._instance_dict.clear()


@pytest.fixture(scope='session')
def shared_data() -> Path:
    """The ``data`` folder of the shared material (real images); tests skip without it."""
    if SHARED is None or not (SHARED / 'data').is_dir():
        pytest.skip('no shared data beside the clone (set MMWSSS_SHARED to its folder)')
    return SHARED / 'data'


def pytest_collection_modifyitems(items):
    """Skip tests marked ``cuda`` where torch sees no GPU."""
    import torch
    if torch.cuda.is_available():
        return
    for item in items:
        if 'cuda' in item.keywords:
            item.add_marker(pytest.mark.skip(reason='no CUDA device'))
