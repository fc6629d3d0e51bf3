#!/usr/bin/env python
"""Train a model.

    python tools/train.py CONFIG                     from scratch, into work_dirs/<config name>
    python tools/train.py CONFIG --resume            go on from the newest checkpoint that loads
    python tools/train.py CONFIG --resume FILE       go on from this one
    tools/dist_train.sh CONFIG GPUS                  several GPUs (or CPU processes without any)
    GPUS=8 tools/slurm_train.sh PARTITION JOB CONFIG

Configs are looked for under the current directory, then beside this tools folder.
"""
import argparse
import os
import os.path as osp
import sys

ROOT = osp.dirname(osp.dirname(osp.abspath(__file__)))
if osp.isdir(osp.join(ROOT, 'mmwsss')):
    sys.path.insert(0, ROOT)


def parse_args() -> argparse.Namespace:
    from mmengine.config import DictAction
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config file')
    parser.add_argument('--work-dir', help='where logs and checkpoints go')
    parser.add_argument(
        '--resume', nargs='?', const='auto', metavar='CHECKPOINT',
        help='go on from CHECKPOINT; without it from the newest of the work dir that loads')
    parser.add_argument('--amp', action='store_true', help='automatic mixed precision')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE',
        help='override config entries, e.g. optim_wrapper.optimizer.lr=1e-3')
    parser.add_argument(
        '--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none',
        help='how the processes were started')
    # torch.distributed.launch of older versions passes this instead of LOCAL_RANK
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    args = parser.parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


def build_config(args: argparse.Namespace):
    from mmwsss.engine import launch
    cfg = launch.load_config(args.config, ROOT, args.cfg_options)
    cfg.launcher = args.launcher
    launch.choose_work_dir(cfg, args.config, args.work_dir)
    launch.make_crash_safe(cfg)
    if args.amp:
        launch.enable_amp(cfg)
    if args.resume == 'auto':
        set_auto_resume(cfg)
    elif args.resume:
        cfg.resume, cfg.load_from = True, args.resume
    return cfg


def set_auto_resume(cfg) -> None:
    """Resume from the work dir; ``load_from`` (a start, not a state) counts only without one."""
    from mmwsss.engine.resume import candidates
    cfg.resume = bool(candidates(cfg.work_dir))
    if cfg.resume:
        cfg.load_from = None
    else:
        print(f'nothing to resume in {cfg.work_dir}: starting from the beginning')


def main() -> None:
    args = parse_args()
    from mmengine.registry import RUNNERS
    from mmengine.runner import Runner

    import mmwsss  # noqa: F401  (registers)
    from mmwsss.engine import launch, use_safe_loading
    from mmwsss.engine.work_dir_lock import lock_work_dir
    cfg = build_config(args)
    lock = lock_work_dir(cfg.work_dir) if launch.is_first_process(args.launcher) else None
    use_safe_loading()
    launch.fit_to_machine(cfg)
    runner = RUNNERS.build(cfg) if 'runner_type' in cfg else Runner.from_cfg(cfg)
    runner.train()
    if lock is not None:
        lock.close()
    launch.end_processes()


if __name__ == '__main__':
    main()
