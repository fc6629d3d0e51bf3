"""Label store against a plain folder of palette PNGs: labels a second, written and read.

    python benchmarks/label_store.py
    python benchmarks/label_store.py --maps 5000 --folder /some/disk

The maps are 375 x 500 with blobs of VOC classes. Writing counts the commit (checking, waiting for
the disk) in; the plain folder neither checks nor waits. Wall time, so run it on a quiet machine.
"""
import argparse
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._measure import machine_report, print_table  # noqa: E402
from mmwsss.labels import LabelStore  # noqa: E402
from mmwsss.labels.palette_png import voc_palette  # noqa: E402


def make_maps(count: int) -> list:
    """Maps of three ellipses each, like objects in a photograph."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:375, :500]
    maps = []
    for _ in range(count):
        labels = np.zeros((375, 500), np.uint8)
        for _ in range(3):
            y, x, high, wide = rng.uniform((0, 0, 30, 30), (375, 500, 150, 200))
            wave = 12 * np.sin(rows / rng.uniform(4, 20)) * np.cos(columns / rng.uniform(4, 20))
            inside = ((rows - y) / high) ** 2 + ((columns - x + wave) / wide) ** 2 < 1
            labels[inside] = rng.integers(1, 21)
        maps.append(labels)
    return maps


def plain_write(folder: Path, maps: list, ids: list) -> None:
    folder.mkdir()
    for image_id, labels in zip(ids, maps):
        image = Image.fromarray(labels)
        image.putpalette(voc_palette().tobytes())
        image.save(folder / f'{image_id}.png')


def plain_read(folder: Path, ids: list) -> None:
    for image_id in ids:
        np.array(Image.open(folder / f'{image_id}.png'))


def store_write(root: Path, maps: list, ids: list) -> None:
    store = LabelStore(root, num_classes=21)
    for image_id, labels in zip(ids, maps):
        store.write(1, image_id, labels)
    store.commit(1, ids)


def store_read(root: Path, ids: list) -> None:
    store = LabelStore(root)
    for image_id in ids:
        store.read(image_id)


def seconds(action, *args) -> float:
    start = time.perf_counter()
    action(*args)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--maps', type=int, default=300)
    parser.add_argument('--turns', type=int, default=5)
    parser.add_argument('--folder', help='where to write; default: the temporary folder')
    parser.add_argument('--quick', action='store_true', help='20 maps, one turn')
    args = parser.parse_args()
    if args.quick:
        args.maps, args.turns = 20, 1
    distinct = make_maps(min(args.maps, 50))
    maps = [distinct[number % len(distinct)] for number in range(args.maps)]
    ids = [f'{number:06d}' for number in range(args.maps)]
    times = {name: [] for name in ('plain write', 'store write', 'plain read', 'store read')}
    for _ in range(args.turns):
        with tempfile.TemporaryDirectory(dir=args.folder) as folder:
            plain, store = Path(folder) / 'plain', Path(folder) / 'store'
            times['plain write'].append(seconds(plain_write, plain, maps, ids))
            times['store write'].append(seconds(store_write, store, maps, ids))
            times['plain read'].append(seconds(plain_read, plain, ids))
            times['store read'].append(seconds(store_read, store, ids))
    print(machine_report('cpu'))
    rows = []
    for what in ('write', 'read'):
        ratios = [mine / plain for mine, plain in zip(times[f'store {what}'],
                                                      times[f'plain {what}'])]
        plain, store = (f'{args.maps / median(times[f"{who} {what}"]):.0f}'
                        for who in ('plain', 'store'))
        rows.append([what, plain, store, f'{100 * median(ratios) - 100:+.0f} %'])
    print_table(f'{args.maps} label maps of 375 x 500, median of {args.turns} turns',
                ['', 'plain folder, maps/s', 'label store, maps/s', 'time more'], rows)


if __name__ == '__main__':
    main()
