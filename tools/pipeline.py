#!/usr/bin/env python
"""Run a method from image-level labels to a tested segmentation model, and write a report.

    python tools/pipeline.py configs/pipelines/grm_toy.py    into work_dirs/grm_toy
    python tools/pipeline.py CONFIG --status                 what is done, and what would run
    python tools/pipeline.py CONFIG --until seeds            as far as the seeds
    python tools/pipeline.py CONFIG --only report            one stage
    python tools/pipeline.py CONFIG --gpus 8                 torchrun (without GPUs: gloo)
    python tools/pipeline.py CONFIG --cfg-options stages.segmentation.iterations=1000

The same command again goes on where it stopped, and runs nothing whose inputs, settings and code
are as they were. docs/pipeline.md describes the stages and their files.
"""
import argparse
import os
import os.path as osp
import shlex
import signal
import sys
import warnings

ROOT = osp.dirname(osp.dirname(osp.abspath(__file__)))
if osp.isdir(osp.join(ROOT, 'mmwsss')):
    sys.path.insert(0, ROOT)


def parse_args(argv=None) -> argparse.Namespace:
    from mmengine.config import DictAction
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='pipeline file')
    parser.add_argument('--work-dir', help='default: work_dirs/<name of the file>')
    parser.add_argument('--from', dest='start', metavar='STAGE',
                        help='start here; what comes before is taken as it is')
    parser.add_argument('--until', metavar='STAGE', help='stop after this one')
    parser.add_argument('--only', metavar='STAGE', help='this one alone')
    parser.add_argument('--gpus', type=int, default=1, metavar='N',
                        help='processes of each training and inference; batch sizes are for each')
    parser.add_argument('--slurm', metavar='PARTITION',
                        help='run training and inference by tools/slurm_*.sh with --gpus tasks')
    parser.add_argument('--seed', type=int, help="instead of the file's")
    parser.add_argument('--dry-run', action='store_true',
                        help='print what would run, and why; write nothing')
    parser.add_argument('--status', action='store_true', help='print the table of stages')
    parser.add_argument('--force', action='store_true', help='run the chosen stages anew')
    parser.add_argument('--ignore-code', action='store_true',
                        help='keep results made by another version of the code')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE',
                        help='override entries of the pipeline file, e.g. stages.maps.options.'
                        'test_dataloader.batch_size=1')
    args = parser.parse_args(argv)
    if args.gpus < 1:
        parser.error('--gpus must be at least 1')
    return args


def open_workspace(args: argparse.Namespace):
    from mmengine.config import Config
    from mmengine.logging import MMLogger

    import mmwsss  # noqa: F401  (registers, and lets configs name mmseg's)
    from mmwsss.engine import launch
    from mmwsss.engine.pipeline import Workspace, build_pipeline
    MMLogger.get_current_instance().setLevel('WARNING')  # each variable that a config reads
    cfg: Config = launch.load_config(args.config, ROOT, args.cfg_options)
    pipeline = build_pipeline(cfg.to_dict(), args.config)
    work = args.work_dir or osp.join('work_dirs', pipeline.name)
    return Workspace(pipeline, work, ROOT, args.seed)


def run(args: argparse.Namespace, space, stages) -> None:
    """Run the chosen stages, with the work directory to ourselves."""
    from mmwsss.engine.pipeline import Settings, run_stage
    from mmwsss.engine.pipeline.overview import write_overview
    from mmwsss.engine.pipeline.running import terminal_progress
    from mmwsss.engine.work_dir_lock import lock_work_dir
    lock = lock_work_dir(str(space.work))
    log = open(space.work / 'pipeline.log', 'a', encoding='utf-8')

    def say(line: str) -> None:
        from mmwsss.engine.pipeline.record import now
        print(f'\r\033[K{line}' if settings.progress else line, flush=True)
        log.write(f'{now()} {line}\n')
        log.flush()

    settings = Settings(gpus=args.gpus, slurm=args.slurm, ignore_code=args.ignore_code,
                        force=args.force, say=say, progress=terminal_progress())
    for stage in stages:
        write_overview(space, args.config, command_line(), args.gpus)
        run_stage(space, stage, settings)
    log.close()
    lock.close()


def command_line() -> str:
    return ' '.join(['python', *map(shlex.quote, sys.argv)])


def dry_run(space, stages, reasons, args: argparse.Namespace) -> None:
    """Commands of the stages that would run, and why."""
    from mmwsss.engine.pipeline import NotReadyError
    from mmwsss.engine.pipeline.commands import judge_command, main_command, shown
    for stage in stages:
        why = reasons[stage.name]
        print(f'{stage.name}: {f"runs ({why})" if why else "kept"}')
        try:
            prepared = space.prepare(stage)
        except NotReadyError as error:
            print(f'    its command is known later: {error}')
            continue
        commands = [main_command(space, prepared, args.gpus, args.slurm),
                    judge_command(space, prepared)]
        for name, value in prepared.env.items():
            print(f'    {name}={value}')
        for command in filter(None, commands):
            print(f'    {shown(command)}')


def main(argv=None) -> int:
    warnings.filterwarnings('ignore')
    args = parse_args(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # end the stage's processes too
    os.environ.setdefault('PYTHONWARNINGS', 'ignore')
    from mmwsss.engine.pipeline import NotReadyError, StageFailedError, forecast, select
    from mmwsss.engine.pipeline import status as table
    from mmwsss.engine.work_dir_lock import WorkDirInUseError
    try:
        space = open_workspace(args)
        stages = select(space.pipeline, args.start, args.until, args.only)
        if args.status or args.dry_run:
            shown = stages if args.dry_run else space.pipeline.stages
            reasons = forecast(space, shown, args.ignore_code, args.force)
            if args.dry_run:
                dry_run(space, shown, reasons, args)
            else:
                print(table.text(table.rows(space, reasons, table.is_locked(space.work))))
            return 0
        run(args, space, stages)
    except (NotReadyError, StageFailedError, WorkDirInUseError, ValueError, OSError) as error:
        print(f'pipeline: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('pipeline: interrupted; the same command goes on here', file=sys.stderr)
        return 130
    return 0


if __name__ == '__main__':
    sys.exit(main())
