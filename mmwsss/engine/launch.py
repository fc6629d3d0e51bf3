"""What tools/train.py and tools/test.py share: finding the config, fitting it to the machine."""
import atexit
import datetime
import logging
import os
import os.path as osp
import sys
from typing import Optional, Sequence

import torch
import torch.distributed as dist
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.logging import print_log


def load_config(path: str, root: str, options: Optional[dict] = None) -> Config:
    """Read a config that lies under the current directory or under ``root``.

    Args:
        path (str): Config file, relative to the current directory or to ``root``.
        root (str): The folder that holds ``configs`` (the clone, or mmwsss's ``.mim``).
        options (dict, optional): Overrides, as from ``--cfg-options``.

    Raises:
        FileNotFoundError: If it is at neither place.
    """
    found = [p for p in (path, osp.join(root, path)) if osp.isfile(p)]
    if not found:
        raise FileNotFoundError(f'config {path} is neither under {os.getcwd()} nor under {root}')
    cfg = Config.fromfile(found[0])
    if options:
        cfg.merge_from_dict(options)
    return cfg


def choose_work_dir(cfg: Config, config_path: str, given: Optional[str] = None) -> None:
    """Set ``cfg.work_dir``: the argument, else the config's, else ``work_dirs/<config name>``."""
    name = osp.splitext(osp.basename(config_path))[0]
    cfg.work_dir = given or cfg.get('work_dir') or osp.join('work_dirs', name)


def add_hooks(cfg: Config, names: Sequence[str]) -> None:
    """Append hooks by type to ``custom_hooks``, those that are not in it yet."""
    hooks = list(cfg.get('custom_hooks') or [])
    present = {hook['type'] for hook in hooks}
    cfg.custom_hooks = hooks + [dict(type=n) for n in names if n not in present]


def make_crash_safe(cfg: Config) -> None:
    """Swap mmengine's checkpoint hook and infinite sampler for those that resume exactly.

    Configs for plain mmseg thereby get atomic checkpoints and an exact data order from
    ``tools/train.py``, without a change.
    """
    hook = cfg.get('default_hooks', {}).get('checkpoint')
    if hook is not None and hook.get('type') == 'CheckpointHook':
        hook['type'] = 'AtomicCheckpointHook'
    sampler = cfg.get('train_dataloader', {}).get('sampler')
    if isinstance(sampler, dict) and sampler.get('type') == 'InfiniteSampler':
        sampler['type'] = 'ResumableInfiniteSampler'
    add_hooks(cfg, ['PreflightHook', 'ExactResumeHook'])


def enable_amp(cfg: Config) -> None:
    """Automatic mixed precision for a config with the plain optimizer wrapper."""
    wrapper = cfg.optim_wrapper.get('type', 'OptimWrapper')
    if wrapper == 'AmpOptimWrapper':
        return
    if wrapper != 'OptimWrapper':
        raise ValueError(f'--amp goes with OptimWrapper, but the config has {wrapper}')
    cfg.optim_wrapper.type = 'AmpOptimWrapper'
    cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')


def fit_to_machine(cfg: Config) -> None:
    """Let a config written for GPUs run on this machine.

    Without CUDA: gloo instead of NCCL; no device ids for the DDP wrapper (mmengine passes
    ``LOCAL_RANK``, which fails on CPU); plain instead of synchronised batch norm, which torch has
    for GPUs only. ``cfg.launcher`` must be set. Also without several processes: float32 instead of
    ``test_cfg.fp16`` on a CPU that has no bfloat16.
    """
    _use_float32_where_half_is_slow(cfg)
    if cfg.get('launcher', 'none') == 'none' or torch.cuda.is_available():
        return
    init_gloo(cfg.launcher, cfg.get('env_cfg', {}).get('dist_cfg', {}).get('timeout'))
    wrapper = cfg.get('model_wrapper_cfg') or dict(
        type='MMDistributedDataParallel', broadcast_buffers=False,
        find_unused_parameters=cfg.get('find_unused_parameters', False))
    cfg.model_wrapper_cfg = dict(wrapper, device_ids=None)
    if _replace(cfg.get('model'), 'SyncBN', 'BN'):
        print_log('no GPU: synchronised batch norm is replaced by batch norm of each process',
                  logger='current')


def _use_float32_where_half_is_slow(cfg: Config) -> None:
    """On a CPU ``fp16`` means bfloat16, to save time; EfficientNet-Lite0 took 16 times as long as
    in float32 on one without kernels for it (AVX2)."""
    if get_device() != 'cpu' or _cpu_has_bfloat16():
        return
    for key in ('val_cfg', 'test_cfg'):
        if (cfg.get(key) or {}).get('fp16'):
            cfg[key].fp16 = False
            print_log(f'this CPU has no bfloat16: {key}.fp16=True is ignored, float32 is faster',
                      logger='current', level=logging.WARNING)


def _cpu_has_bfloat16() -> bool:
    """Whether oneDNN has fast bfloat16 kernels here; True where torch does not tell."""
    supported = getattr(torch.ops.mkldnn, '_is_mkldnn_bf16_supported', None)
    return supported is None or supported()


def init_gloo(launcher: str, timeout: Optional[int] = None) -> None:
    """Start torch.distributed on CPUs; mmengine's own start selects a CUDA device."""
    if launcher == 'slurm':
        _slurm_environment()
    elif launcher != 'pytorch':
        raise ValueError(f"launcher {launcher!r} needs GPUs here; use 'pytorch' or 'slurm'")
    missing = [v for v in ('RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT')
               if v not in os.environ]
    if missing:
        raise ValueError(f'--launcher {launcher} but {", ".join(missing)} not set: start with '
                         'tools/dist_train.sh or torchrun')
    kwargs = {} if timeout is None else dict(timeout=datetime.timedelta(seconds=timeout))
    if not dist.is_initialized():
        dist.init_process_group('gloo', **kwargs)


def end_processes() -> None:
    """The last call of a tool: end together after work that went well; one process just goes on.

    gloo's threads now and then abort the process while they are taken down ("terminate called
    without an active exception"), be it by ``destroy_process_group`` or at Python's end, and
    torchrun then calls a finished run failed. So with gloo the process ends here, once what is
    registered with ``atexit`` (writers, loader workers) is done. Not after an error: the other
    ranks may wait elsewhere.
    """
    if not (dist.is_available() and dist.is_initialized()):
        return
    dist.barrier()
    if dist.get_backend() != 'gloo':
        dist.destroy_process_group()
        return
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def is_first_process(launcher: str) -> bool:
    """Whether this is global rank 0, before torch.distributed has started."""
    rank = os.environ.get('SLURM_PROCID' if launcher == 'slurm' else 'RANK', '0')
    return launcher == 'none' or int(rank) == 0


def _slurm_environment() -> None:
    import subprocess
    nodes = os.environ['SLURM_NODELIST']
    if 'MASTER_ADDR' not in os.environ:
        hosts = subprocess.run(['scontrol', 'show', 'hostname', nodes], check=True,
                               capture_output=True, text=True).stdout.split()
        os.environ['MASTER_ADDR'] = hosts[0]
    os.environ.setdefault('MASTER_PORT', '29500')
    os.environ['RANK'] = os.environ['SLURM_PROCID']
    os.environ['WORLD_SIZE'] = os.environ['SLURM_NTASKS']
    os.environ['LOCAL_RANK'] = os.environ['SLURM_LOCALID']


def _replace(cfg, old: str, new: str) -> int:
    """Rename ``type=old`` to ``new`` everywhere in a model config; returns how many there were."""
    if isinstance(cfg, (list, tuple)):
        return sum(_replace(item, old, new) for item in cfg)
    if not isinstance(cfg, dict):
        return 0
    count = sum(_replace(value, old, new) for value in cfg.values())
    if cfg.get('type') == old:
        cfg['type'] = new
        count += 1
    return count
