#!/usr/bin/env python
"""Evaluate a checkpoint: per-class IoU and the means.

    python tools/test.py CONFIG CHECKPOINT
    python tools/test.py CONFIG CHECKPOINT --tta             multi-scale and flipped
    python tools/test.py CONFIG CHECKPOINT --crf             with a dense CRF
    python tools/test.py CONFIG CHECKPOINT --out DIR         also write the label maps as PNGs
    python tools/test.py CONFIG CHECKPOINT --show-dir DIR    also paint them over the images
    tools/dist_test.sh CONFIG CHECKPOINT GPUS

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
    parser.add_argument('checkpoint', nargs='?',
                        help='checkpoint file; left out, or none, for a model without parameters')
    parser.add_argument('--work-dir', help='where the log and the metrics (JSON) go')
    parser.add_argument('--out', help='folder for predicted label maps')
    parser.add_argument('--show', action='store_true', help='show predictions in a window')
    parser.add_argument('--show-dir', help='folder for predictions painted over the images')
    parser.add_argument('--wait-time', type=float, default=2, help='seconds an image is shown')
    parser.add_argument('--tta', action='store_true', help='test time augmentation')
    parser.add_argument(
        '--crf', nargs='?', const='config', choices=['deeplab', 'irn', 'pixel_adaptive', 'config'],
        help='refine the predictions along the colours of the image: dense CRF with the '
             "parameters of a preset, or pixel-adaptive averaging; default: the config's "
             "crf_model, else 'deeplab'")
    parser.add_argument(
        '--crf-options', nargs='+', action=DictAction, default={}, metavar='KEY=VALUE',
        help='iterations=5 and other parameters of the preset; backend=pydensecrf2; '
             'min_probability, scores (see SegCRFModel)')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE',
        help='override config entries')
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
    checkpoint = None if args.checkpoint in (None, 'none') else args.checkpoint
    cfg.load_from, cfg.resume = checkpoint, False
    launch.add_hooks(cfg, ['PreflightHook'])
    if args.show or args.show_dir:
        show(cfg, args)
    if args.tta:
        use_tta(cfg)
    if args.crf or args.crf_options:
        refine_predictions(cfg, args)
    if args.out is not None:
        write_label_maps(cfg, args.out)
    return cfg


def show(cfg, args: argparse.Namespace) -> None:
    hook = cfg.get('default_hooks', {}).get('visualization')
    if hook is None or 'visualizer' not in cfg:
        raise ValueError('--show and --show-dir need a visualizer and '
                         "default_hooks.visualization=dict(type='SegVisualizationHook')")
    hook.update(draw=True, interval=1)
    if args.show:
        hook.update(show=True, wait_time=args.wait_time)
    if args.show_dir:
        cfg.visualizer.save_dir = args.show_dir


def use_tta(cfg) -> None:
    missing = [key for key in ('tta_model', 'tta_pipeline') if key not in cfg]
    if missing:
        raise ValueError(f'--tta needs {" and ".join(missing)} in the config')
    cfg.test_dataloader.dataset.pipeline = cfg.tta_pipeline
    cfg.tta_model.module = cfg.model
    cfg.model = cfg.tta_model


def refine_predictions(cfg, args: argparse.Namespace) -> None:
    from mmwsss.models.segmentors import use_crf
    options = dict(args.crf_options)
    of_model = {key: options.pop(key) for key in ('min_probability', 'scores') if key in options}
    if args.crf not in (None, 'config'):
        options['preset'] = args.crf
    use_crf(cfg, options, of_model)


def write_label_maps(cfg, folder: str) -> None:
    evaluators = cfg.test_evaluator
    for evaluator in evaluators if isinstance(evaluators, (list, tuple)) else [evaluators]:
        if evaluator['type'].endswith('IoUMetric'):
            evaluator['output_dir'] = folder
            return
    raise ValueError('--out needs an IoUMetric in test_evaluator')


def main() -> None:
    args = parse_args()
    from mmengine.registry import RUNNERS
    from mmengine.runner import Runner

    import mmwsss  # noqa: F401  (registers)
    from mmwsss.engine import launch, use_safe_loading
    cfg = build_config(args)
    use_safe_loading()
    launch.fit_to_machine(cfg)
    runner = RUNNERS.build(cfg) if 'runner_type' in cfg else Runner.from_cfg(cfg)
    if cfg.load_from is None and any(True for _ in runner.model.parameters()):
        raise ValueError(f'{args.config}: this model has weights, so name their checkpoint file')
    runner.test()
    launch.end_processes()


if __name__ == '__main__':
    main()
