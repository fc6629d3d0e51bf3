"""Dense CRF: the torch backend beside pydensecrf2, time and agreement in one run.

    python benchmarks/dense_crf.py                        # time and memory, one thread and all
    python benchmarks/dense_crf.py --device cuda
    python benchmarks/dense_crf.py --agreement VOC2012    # and agreement on real images

10 iterations at 375 x 500. ``--agreement`` takes a folder with JPEGImages and SegmentationClassAug
(or SegmentationClass): 'irn' refines the official mask sampled every 16 pixels, 'deeplab' blurred
21-class probabilities of it; both backends carry the same classes. pydensecrf2 uses one core,
so with all threads the clock is wall time and only the torch backend gains. Memory on a CPU is the
growth of the resident size at its highest, the same for both (the compiled one allocates outside
torch), in MB; on a GPU what torch allocates.
"""
import gc
import os
import sys
from pathlib import Path
from statistics import mean

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._measure import (  # noqa: E402
    machine_report,
    parse_args,
    peak_bytes,
    print_table,
    ratio,
    take_turns,
    time_cell,
)
from mmwsss.labels import dense_crf  # noqa: E402


def photograph(h: int, w: int) -> np.ndarray:
    """A smooth colourful picture with a little noise: fills the lattice like a photograph."""
    generator = torch.Generator().manual_seed(0)
    picture = sum(torch.nn.functional.interpolate(
        torch.randn(1, 3, n, n, generator=generator) * 60 / n ** 0.5, size=(h, w),
        mode='bicubic')[0] for n in (3, 9, 40))
    picture = picture + 3 * torch.randn(3, h, w, generator=generator) + 120
    return picture.clamp(0, 255).byte().permute(1, 2, 0).contiguous().numpy()


def probabilities(classes: int, h: int, w: int) -> torch.Tensor:
    """Smooth random class probabilities, every class somewhere likely."""
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(1, classes, 12, 16, generator=generator) * 3
    logits = torch.nn.functional.interpolate(logits, size=(h, w), mode='bilinear')
    return logits[0].softmax(dim=0)


def resident_mb(run) -> str:
    """MB by which the resident size of this process grows at most during ``run``."""
    def status(key: str) -> int:
        lines = Path('/proc/self/status').read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(key))

    gc.collect()
    try:
        Path('/proc/self/clear_refs').write_text('5')  # starts the peak afresh
        before = status('VmRSS')
    except OSError:
        return 'not known'
    run()
    return f'{(status("VmHWM") - before) / 1024:.0f}'


def time_rows(args, image: np.ndarray, threads: int) -> list:
    """A row for each number of labels."""
    rows = []
    torch.set_num_threads(threads)
    for classes in (3, 21):
        p = probabilities(classes, *image.shape[:2])
        on_device = p.to(args.device)
        cases = {'torch': lambda q=on_device: dense_crf(image, q, min_probability=0),
                 'pydensecrf2': lambda q=p: dense_crf(image, q, min_probability=0,
                                                      backend='pydensecrf2')}
        seconds = take_turns(cases, 1 if args.quick else args.repeats or 5, args.device)
        memory = {name: resident_mb(case) for name, case in cases.items()}
        if args.device != 'cpu':
            memory['torch'] = f'{peak_bytes(cases["torch"], args.device) / 2 ** 20:.0f}'
        rows.append([classes, threads, time_cell(seconds['torch']),
                     time_cell(seconds['pydensecrf2']),
                     f'{ratio(seconds["pydensecrf2"], seconds["torch"]):.2f} x',
                     memory['torch'], memory['pydensecrf2']])
    return rows


def time_table(args) -> None:
    h, w = (48, 64) if args.quick else (375, 500)
    image = photograph(h, w)
    rows = []
    every = {args.threads} if args.quick else {args.threads, os.cpu_count() or 1}
    for threads in sorted(every):
        rows += time_rows(args, image, threads)
    torch.set_num_threads(args.threads)
    print_table(f'{h} x {w}, preset irn, 10 iterations, ms an image',
                ['labels', 'threads', f'torch ({args.device})', 'pydensecrf2', 'torch is faster',
                 'torch, MB', 'pydensecrf2, MB'], rows)


def coco_table(args) -> None:
    h, w = (48, 64) if args.quick else (480, 640)
    image, present = photograph(h, w), probabilities(4, h, w)
    all81 = torch.cat([present, torch.zeros(77, h, w)]).to(args.device)
    cases = {'81': lambda: dense_crf(image, all81, 'deeplab', min_probability=0),
             'present': lambda: dense_crf(image, all81, 'deeplab')}
    repeats = 1 if args.quick else args.repeats or 3
    seconds = take_turns(cases, repeats, args.device, warmup=0)
    memory = {name: peak_bytes(case, args.device) / 2 ** 20 for name, case in cases.items()}
    print_table(f'COCO, {h} x {w}: 81 labels of which 4 are present, torch backend, ms an image',
                ['all 81 carried', 'the present ones carried', 'faster', 'all 81, MB',
                 'present, MB'],
                [[time_cell(seconds['81']), time_cell(seconds['present']),
                  f'{ratio(seconds["81"], seconds["present"]):.1f} x',
                  f'{memory["81"]:.0f}', f'{memory["present"]:.0f}']])


def agreement_table(folder: Path, limit: int) -> None:
    masks = folder / 'SegmentationClassAug'
    masks = masks if masks.is_dir() else folder / 'SegmentationClass'
    results = {'irn': [], 'deeplab': []}
    for path in sorted(masks.glob('*.png'))[:limit]:
        image = np.array(Image.open(folder / f'JPEGImages/{path.stem}.jpg').convert('RGB'))
        mask = np.array(Image.open(path))
        mask[mask == 255] = 0
        coarse = torch.from_numpy(mask[8::16, 8::16]).long()
        one_hot = torch.nn.functional.one_hot(coarse, 21).permute(2, 0, 1)[None].float()
        blurred = torch.nn.functional.interpolate(one_hot, size=mask.shape, mode='bilinear')[0]
        nearest = torch.nn.functional.interpolate(one_hot, size=mask.shape)[0]
        soft = (0.85 * blurred + 0.15 / 21).numpy()
        present = nearest.flatten(1).amax(dim=1) > 0
        hard = torch.where(nearest[present] > 0, 0.7, 0.3 / max(int(present.sum()) - 1, 1))
        for preset, p in (('irn', hard.numpy()), ('deeplab', soft)):
            if len(p) < 2:
                continue
            ours, theirs = (dense_crf(image, p, preset, min_probability=0, backend=backend)
                            for backend in ('torch', 'pydensecrf2'))
            results[preset].append(((ours.argmax(0) == theirs.argmax(0)).mean(),
                                    np.abs(ours - theirs).mean(), np.abs(ours - theirs).max()))
    for preset, rows in results.items():
        if rows and 100 * mean(row[0] for row in rows) < 99.5:
            print(f'{preset}: less than the 99.5 % of pixels that are asked for', flush=True)
    print_table(f'agreement with pydensecrf2 on {folder.name}',
                ['preset', 'images', 'same label, % of pixels', 'in the worst image',
                 'mean difference of probabilities', 'largest'],
                [[preset, len(rows), f'{100 * mean(row[0] for row in rows):.4f}',
                  f'{100 * min(row[0] for row in rows):.4f}',
                  f'{mean(row[1] for row in rows):.1e}', f'{max(row[2] for row in rows):.1e}']
                 for preset, rows in results.items()])


def main() -> None:
    def options(parser):
        parser.add_argument('--agreement', type=Path, help='VOC2012 folder with real images')
        parser.add_argument('--images', type=int, default=48, help='of it, at most')
        parser.add_argument('--no-time', action='store_true', help='agreement only')
    args = parse_args(__doc__, options)
    print(machine_report(args.device))
    if args.agreement:
        agreement_table(args.agreement, args.images)
    if not args.no_time:
        time_table(args)
        coco_table(args)


if __name__ == '__main__':
    main()
