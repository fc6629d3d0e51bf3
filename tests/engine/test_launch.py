"""Configs are found from anywhere and fitted to the machine."""
import atexit

import pytest
import torch
import torch.distributed as dist
from mmengine.config import Config

from mmwsss.engine import launch
from tests.processes import run_ranks


def test_config_here_before_config_beside_the_tools(tmp_path, monkeypatch):
    (tmp_path / 'root' / 'configs').mkdir(parents=True)
    (tmp_path / 'here').mkdir()
    (tmp_path / 'root' / 'configs' / 'c.py').write_text('where = "root"\nlr = dict(a=1)')
    monkeypatch.chdir(tmp_path / 'here')
    root = str(tmp_path / 'root')
    assert launch.load_config('configs/c.py', root).where == 'root'
    (tmp_path / 'here' / 'configs').mkdir()
    (tmp_path / 'here' / 'configs' / 'c.py').write_text('where = "here"\nlr = dict(a=1)')
    cfg = launch.load_config('configs/c.py', root, {'lr.a': 2})
    assert cfg.where == 'here' and cfg.lr.a == 2
    with pytest.raises(FileNotFoundError, match='configs/d.py is neither under .*here nor'):
        launch.load_config('configs/d.py', root)


@pytest.mark.parametrize('given, own, expected', [
    (None, None, 'work_dirs/name'), (None, 'x', 'x'), ('y', 'x', 'y')])
def test_work_dir(given, own, expected):
    cfg = Config(dict(work_dir=own) if own else {})
    launch.choose_work_dir(cfg, 'configs/grm/name.py', given)
    assert cfg.work_dir == expected


def test_plain_configs_become_crash_safe_and_others_stay():
    cfg = Config(dict(
        default_hooks=dict(checkpoint=dict(type='CheckpointHook', interval=5)),
        train_dataloader=dict(sampler=dict(type='InfiniteSampler', shuffle=False)),
        custom_hooks=[dict(type='PreflightHook', max_decoded=1)]))
    for _ in range(2):
        launch.make_crash_safe(cfg)
        assert cfg.default_hooks.checkpoint == dict(type='AtomicCheckpointHook', interval=5)
        assert cfg.train_dataloader.sampler == dict(
            type='ResumableInfiniteSampler', shuffle=False)
        assert cfg.custom_hooks == [dict(type='PreflightHook', max_decoded=1),
                                    dict(type='ExactResumeHook')]
    own = dict(default_hooks=dict(checkpoint=dict(type='Mine')),
               train_dataloader=dict(sampler=dict(type='DefaultSampler')))
    cfg = Config(own)
    launch.make_crash_safe(cfg)
    assert cfg.default_hooks.checkpoint.type == 'Mine'
    assert cfg.train_dataloader.sampler.type == 'DefaultSampler'
    launch.make_crash_safe(Config({}))


def test_amp():
    cfg = Config(dict(optim_wrapper=dict(type='OptimWrapper')))
    launch.enable_amp(cfg)
    launch.enable_amp(cfg)
    assert cfg.optim_wrapper == dict(type='AmpOptimWrapper', loss_scale='dynamic')
    with pytest.raises(ValueError, match='Other'):
        launch.enable_amp(Config(dict(optim_wrapper=dict(type='Other'))))


def test_one_process_needs_no_fitting():
    cfg = Config(dict(launcher='none', model=dict(norm_cfg=dict(type='SyncBN'))))
    launch.fit_to_machine(cfg)
    assert 'model_wrapper_cfg' not in cfg and cfg.model.norm_cfg.type == 'SyncBN'


@pytest.mark.parametrize('device, supported, expected', [
    ('cpu', True, True), ('cpu', False, False), ('cuda', False, True)])
def test_bfloat16_only_where_the_cpu_has_it(monkeypatch, device, supported, expected):
    monkeypatch.setattr(launch, 'get_device', lambda: device)
    monkeypatch.setattr(launch, '_cpu_has_bfloat16', lambda: supported)
    cfg = Config(dict(launcher='none', val_cfg=dict(), test_cfg=dict(fp16=True, type='TestLoop')))
    launch.fit_to_machine(cfg)
    assert cfg.test_cfg == dict(fp16=expected, type='TestLoop') and cfg.val_cfg == dict()
    launch.fit_to_machine(Config(dict(launcher='none', test_cfg=None)))


def test_cpu_processes_get_gloo_no_device_and_plain_batch_norm(monkeypatch):
    started = []
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    monkeypatch.setattr(launch, 'init_gloo', lambda *a: started.append(a))
    cfg = Config(dict(
        launcher='pytorch', env_cfg=dict(dist_cfg=dict(backend='nccl')),
        model=dict(a=[dict(norm_cfg=dict(type='SyncBN', requires_grad=True))])))
    launch.fit_to_machine(cfg)
    assert started == [('pytorch', None)]
    assert cfg.model_wrapper_cfg.device_ids is None
    assert cfg.model_wrapper_cfg.type == 'MMDistributedDataParallel'
    assert cfg.model.a[0].norm_cfg == dict(type='BN', requires_grad=True)


def test_gpu_processes_are_mmengine_s_affair(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    cfg = Config(dict(launcher='pytorch', model=dict(norm_cfg=dict(type='SyncBN'))))
    launch.fit_to_machine(cfg)
    assert 'model_wrapper_cfg' not in cfg and cfg.model.norm_cfg.type == 'SyncBN'


def test_missing_environment_and_other_launchers(monkeypatch):
    for name in ('RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT'):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ValueError, match='dist_train.sh'):
        launch.init_gloo('pytorch')
    with pytest.raises(ValueError, match='mpi'):
        launch.init_gloo('mpi')


@pytest.mark.parametrize('launcher, env, first', [
    ('none', dict(RANK='3'), True), ('pytorch', dict(RANK='0'), True),
    ('pytorch', dict(RANK='1'), False), ('slurm', dict(SLURM_PROCID='2', RANK='0'), False)])
def test_first_process(monkeypatch, launcher, env, first):
    monkeypatch.delenv('RANK', raising=False)
    for key, value in env.items():
        monkeypatch.setenv(key, value)
    assert launch.is_first_process(launcher) is first


def _work_and_end(rank, folder):
    dist.init_process_group('gloo')
    atexit.register((folder / f'registered {rank}').touch)
    (folder / f'worked {rank}').touch()
    launch.end_processes()
    (folder / f'went on {rank}').touch()


def test_processes_end_together(tmp_path):
    launch.end_processes()  # nothing was started: nothing happens
    run_ranks(_work_and_end, tmp_path, method='spawn')
    assert {path.name for path in tmp_path.iterdir()} == {
        'registered 0', 'registered 1', 'worked 0', 'worked 1'}
