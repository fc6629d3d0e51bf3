"""IRN's walk: our sparse way against squaring the dense matrix, on the same machine in one run.

    python benchmarks/affinity_walk.py                 # the dense way at small sizes, 1 minute
    python benchmarks/affinity_walk.py --dense-full    # and one dense squaring at 94 x 125
    python benchmarks/affinity_walk.py --device cuda --batch 16

The dense way is IRN's: the N x N affinities to the power of 10, columns normalised, squared 8
times (256 steps), activations times the result. At 94 x 125 one squaring is 3.2e12 multiply-adds:
with ``--dense-full`` one of the 8 is timed and counted eightfold, and its memory is that of the
two matrices that live at once, both said in the table.
"""
import sys
import time
from pathlib import Path
from statistics import median

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._measure import machine_report, parse_args, peak_bytes, print_table  # noqa: E402
from mmwsss.labels import propagate  # noqa: E402
from mmwsss.labels.affinity_walk import transition_matrix  # noqa: E402

DENSE_SIZES = ((24, 31), (47, 63), (60, 80))
SPARSE_SIZES = (*DENSE_SIZES, (94, 125), (120, 160), (188, 250))


def make_maps(size, device: str, batch: int = 1):
    """Three activations and an edge map with long smooth edges."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(batch, 4, 6, 8, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=size, mode='bicubic')
    edge = torch.exp(-(4 * smooth[:, 3]) ** 2)
    return smooth[:, :3].clamp(min=0).to(device), edge.to(device)


def dense_walk(activations, edge):
    """256 steps by 8 squarings, one image, float32 as in IRN."""
    matrix = transition_matrix(edge).to_dense().T.contiguous()
    for _ in range(8):
        matrix = matrix @ matrix
    start = (activations * (1 - edge[:, None])).flatten(2)[0]
    return (start @ matrix).view(activations.shape)


def seconds(run, device: str, repeats: int) -> float:
    taken = []
    for _ in range(repeats):
        start = clock(device)
        run()
        taken.append(clock(device) - start)
    return median(taken)


def clock(device: str) -> float:
    if device.startswith('cuda'):
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


def one_squaring(size, device: str) -> tuple[float, int]:
    """Seconds of one dense squaring, and the bytes of the two matrices."""
    count = size[0] * size[1]
    matrix = torch.full((count, count), 1 / count, device=device)
    taken = seconds(lambda: matrix @ matrix, device, 1)
    return taken, 2 * matrix.numel() * matrix.element_size()


def main() -> None:
    def options(parser):
        parser.add_argument('--batch', type=int, default=1, help='images at once, our way')
        parser.add_argument('--dense-full', action='store_true', help='one squaring at 94 x 125')
    args = parse_args(__doc__, options)
    device, repeats = args.device, args.repeats or 5
    dense_sizes, sizes = DENSE_SIZES, SPARSE_SIZES
    if args.quick:
        dense_sizes, sizes, repeats = DENSE_SIZES[:1], SPARSE_SIZES[:2], 1
    print(machine_report(device))
    rows = []
    for size in sizes:
        maps, edge = make_maps(size, device, args.batch)
        propagate(maps, edge)
        ours = seconds(lambda maps=maps, edge=edge: propagate(maps, edge), device, repeats)
        ours /= args.batch
        ours_bytes = peak_bytes(lambda maps=maps, edge=edge: propagate(maps, edge), device)
        ours_bytes /= args.batch
        dense, dense_bytes, difference, note = None, None, '', ''
        if size in dense_sizes:
            maps, edge = maps[:1], edge[:1]
            dense = seconds(lambda maps=maps, edge=edge: dense_walk(maps, edge), device, 1)
            dense_bytes = peak_bytes(lambda maps=maps, edge=edge: dense_walk(maps, edge), device)
            distance = (propagate(maps, edge) - dense_walk(maps, edge)).abs().max()
            difference = f'{float(distance):.0e}'
        elif size == (94, 125) and args.dense_full:
            one, dense_bytes = one_squaring(size, device)
            dense, note = 8 * one, ' (8 x one squaring)'
        pixels = size[0] * size[1]
        rows.append([
            f'{size[0]} x {size[1]}', f'{1e3 * ours:.0f}', f'{1e6 * ours / pixels:.1f}',
            f'{ours_bytes / 1e6:.1f}',
            '–' if dense is None else f'{1e3 * dense:.0f}{note}',
            '–' if dense is None else f'{dense_bytes / 1e6:.0f}',
            '–' if dense is None else f'{dense / ours:.0f} x',
            '–' if dense is None else f'{dense_bytes / ours_bytes:.0f} x', difference])
    print_table(
        f'3 classes, radius 5, 256 steps, batch {args.batch}; per image',
        ['size', 'sparse ms', 'us a pixel', 'sparse MB', 'dense ms', 'dense MB', 'faster',
         'less memory', 'largest difference (float32 dense)'], rows)


if __name__ == '__main__':
    main()
