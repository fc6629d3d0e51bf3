"""A tiny runner, built in the process."""
import itertools

import pytest
from mmengine.config import Config
from mmengine.runner import CheckpointLoader, Runner
from mmengine.runner import runner as mmengine_runner

import mmwsss  # noqa: F401
from tests.engine import tiny

_COUNT = itertools.count()


@pytest.fixture(autouse=True)
def mmengine_loaders():
    """What a test registers as mmengine's checkpoint loader ends with the test."""
    before = CheckpointLoader._schemes
    yield
    CheckpointLoader._schemes = before


@pytest.fixture(autouse=True)
def quick_runner(monkeypatch):
    """Leave out what mmengine spends seconds on around a short run: asking compilers and git for
    their version, and formatting the config for every checkpoint."""
    monkeypatch.setattr(Config, 'pretty_text', property(lambda self: ''))
    monkeypatch.setattr(mmengine_runner, 'collect_env', lambda: {})
    monkeypatch.setattr(mmengine_runner, 'get_git_hash', lambda: '')


@pytest.fixture(scope='session')
def tiny_data(tmp_path_factory):
    return tiny.make_data(tmp_path_factory.mktemp('data'))


@pytest.fixture
def make_runner(tmp_path, tiny_data):
    """``make_runner(options, work_dir=..., **blanks)``: a Runner of the tiny config."""

    def make(options=None, work_dir='work', **blanks) -> Runner:
        cfg = Config.fromfile(tiny.write_config(tmp_path, tiny_data, **blanks))
        cfg.merge_from_dict(dict(options or {}))
        cfg.work_dir = str(tmp_path / work_dir)
        cfg.experiment_name = f'tiny_{next(_COUNT)}'
        cfg.log_level = 'ERROR'
        return Runner.from_cfg(cfg)

    return make
