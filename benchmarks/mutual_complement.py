"""What label updates cost: one update at the size of VOC or COCO, and their share of training.

    python benchmarks/mutual_complement.py                      10,582 labels, VOC's number
    python benchmarks/mutual_complement.py --images 82783 --height 480 --width 640
    python benchmarks/mutual_complement.py --share

The first table: the work of an update besides the predictions (read the old labels, Eq. 11, write
and check the new ones, commit), with replicated label maps. "changed" predictions add foreground
to every image; "unchanged" ones to none, whose files are linked. Time of one rank; N ranks share
the images. Memory: the resident size of the process.

The second table (--share): seconds an iteration of training with updates from either source
against without, in turns. Wall time, so run it on a quiet machine.
"""
import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._measure import machine_report, print_table  # noqa: E402

import torch  # noqa: E402
from mmengine.config import Config  # noqa: E402
from mmengine.hooks import Hook  # noqa: E402
from mmengine.registry import init_default_scope  # noqa: E402
from mmengine.runner import Runner  # noqa: E402
from PIL import Image  # noqa: E402

import mmwsss  # noqa: E402,F401  (registers)
from benchmarks.label_store import make_maps  # noqa: E402
from mmwsss.datasets import VOC12SegDataset  # noqa: E402
from mmwsss.engine.label_updates import LabelUpdater, TrainingImages  # noqa: E402
from mmwsss.engine.launch import fit_to_machine  # noqa: E402
from mmwsss.labels.palette_png import encode_labels  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]


def write_data(folder: Path, count: int, maps: list) -> Path:
    """A VOC-shaped set: few different images and labels, linked under many names."""
    for name in ('JPEGImages', 'Labels', 'lists'):
        (folder / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for place in range(count):
        image, label = folder / f'JPEGImages/i{place:06d}.jpg', folder / f'Labels/i{place:06d}.png'
        if place < len(maps):
            noise = rng.integers(0, 256, (*maps[place].shape, 3), dtype=np.uint8)
            Image.fromarray(noise).save(image, quality=30)
            label.write_bytes(encode_labels(maps[place]))
        else:
            first = place % len(maps)
            image.hardlink_to(folder / f'JPEGImages/i{first:06d}.jpg')
            label.hardlink_to(folder / f'Labels/i{first:06d}.png')
    ids = ''.join(f'i{place:06d}\n' for place in range(count))
    (folder / 'lists/train.txt').write_text(ids)
    return folder


def time_updates(args, folder: Path) -> list:
    """Rows of the first table."""
    init_default_scope('mmseg')
    maps = resized_maps(args)
    dataset = VOC12SegDataset(
        data_root=str(write_data(folder / 'data', args.images, maps)), ann_file='lists/train.txt',
        data_prefix=dict(img_path='JPEGImages', seg_map_path='Labels'),
        metainfo=dict(classes=VOC12SegDataset.METAINFO['classes']),
        pipeline=[dict(type='LoadImageFromFile'), dict(type='LoadSegLabels'),
                  dict(type='PackSegInputs')])
    images, start = TrainingImages(dataset), time.perf_counter()
    updater = LabelUpdater(folder / 'store', images, threads=args.threads)
    updater.start()
    rows = [row('copy the originals (once)', args, time.perf_counter() - start)]
    for version, kind in ((2, 'changed'), (3, 'unchanged')):
        start = time.perf_counter()
        updater.update(version, predictions(images.ids, maps, kind), dict(kind=kind))
        rows.append(row(f'update, predictions {kind}', args, time.perf_counter() - start))
    return rows


def resized_maps(args) -> list:
    """Different label maps of the size asked for."""
    size = args.width, args.height
    return [np.asarray(Image.fromarray(labels).resize(size, Image.Resampling.NEAREST))
            for labels in make_maps(args.distinct)]


def predictions(ids, maps, kind):
    """Foreground that was not there before, or none."""
    for place, image_id in enumerate(ids):
        moved = np.roll(maps[place % len(maps)], 40, axis=1)
        yield image_id, moved if kind == 'changed' else None


def row(name: str, args, seconds: float) -> list:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [name, args.images, f'{args.height} x {args.width}', f'{seconds:.1f}',
            f'{args.images / seconds:.0f}', f'{peak:.0f}']


class Clock(Hook):
    """Seconds from iteration to iteration, updates included."""

    priority = 'LOWEST'

    def __init__(self):
        self.times = []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.times.append(time.perf_counter())


def time_training(args, folder: Path) -> list:
    """Rows of the second table."""
    cases = {'no updates': None, "source='online'": 'online', "source='inference'": 'inference'}
    seconds = {name: [] for name in cases}
    data = write_data(folder / 'train', args.train_images,
                      resized_maps(args))
    for turn in range(args.turns):
        for place, (name, source) in enumerate(cases.items()):
            seconds[name].append(one_run(args, data, folder / f'w{turn}_{place}', source))
    plain = median(seconds['no updates'])
    return [[name, f'{1000 * median(found):.1f}',
             '' if name == 'no updates' else f'{100 * (median(found) / plain - 1):+.1f} %']
            for name, found in seconds.items()]


def one_run(args, data: Path, work_dir: Path, source: str | None) -> float:
    """Seconds an iteration over two epochs, each with its update."""
    cfg = Config.fromfile(args.config)
    hooks = [hook for hook in cfg.custom_hooks if hook['type'] == 'ExactResumeHook']
    if source:
        hooks.append(dict(type='MutualComplementaryHook', source=source, shown=0))
    for key in ('val_cfg', 'val_dataloader', 'val_evaluator', 'test_cfg', 'test_dataloader',
                'test_evaluator'):
        cfg[key] = None
    epoch = -(-args.train_images // args.batch)
    cfg.merge_from_dict({
        'train_cfg.max_iters': 2 * epoch + 1,  # no update comes after the last
        'train_dataloader.batch_size': args.batch,
        'train_dataloader.dataset.data_root': str(data), 'log_level': 'WARNING',
        'train_dataloader.dataset.ann_file': 'lists/train.txt',
        'train_dataloader.dataset.data_prefix': dict(img_path='JPEGImages', seg_map_path='Labels'),
        'default_hooks.checkpoint.interval': 10 ** 6, 'default_hooks.checkpoint.save_last': False,
        'model.backbone.init_cfg': None, 'randomness': dict(seed=0)})
    cfg.custom_hooks, cfg.work_dir = hooks, str(work_dir)
    cfg.experiment_name = work_dir.name
    fit_to_machine(cfg)
    runner, clock = Runner.from_cfg(cfg), Clock()
    runner.register_hook(clock, 'LOWEST')
    runner.train()
    # from the end of the first iteration, which starts workers and tunes kernels
    return (clock.times[-1] - clock.times[0]) / (len(clock.times) - 1)


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--images', type=int, default=10582)
    parser.add_argument('--height', type=int, default=375)
    parser.add_argument('--width', type=int, default=500)
    parser.add_argument('--distinct', type=int, default=40, help='different label maps')
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--share', action='store_true', help='also the share of training time')
    parser.add_argument('--config', default=str(ROOT / 'configs/grm/deeplabv2_r18_aspp_toy.py'))
    parser.add_argument('--train-images', type=int, default=400)
    parser.add_argument('--batch', type=int, default=8)
    parser.add_argument('--turns', type=int, default=3)
    parser.add_argument('--folder', help='where to work; default: a temporary folder')
    parser.add_argument('--quick', action='store_true', help='tiny: shows that it runs')
    args = parser.parse_args()
    if args.quick:
        args.images, args.distinct, args.train_images, args.batch, args.turns = 12, 3, 4, 2, 1
        args.height, args.width, args.share = 96, 120, True
    return args


def main() -> None:
    args = parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        print(machine_report('cpu'))
        print_table('One update, one rank', ['work', 'images', 'size', 's', 'labels/s', 'MB'],
                    time_updates(args, Path(folder)))
        if args.share:
            print_table('Training', ['labels', 'ms an iteration', 'share of updates'],
                        time_training(args, Path(folder)))


if __name__ == '__main__':
    main()
