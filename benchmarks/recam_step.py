"""Time and memory of ReCAM's loss, forward and backward, beside its literal form.

The literal form lays every class map over every channel of the features, a (B, C, D, N) tensor,
and averages it over pixels; ``ReCAMHead`` makes (B, C, C) scores by products of (C, N) maps.
Losses and gradients are compared first; the run stops if they differ.

Memory is what a case takes on top of the plain classifier (``CAMHead``: its loss and gradients on
the same features), at the highest moment of each. Where the literal form needs more memory than
there is, it is run with fewer images, and what it takes for all of them is scaled up: each of its
large tensors has a row for each image.

    python benchmarks/recam_step.py
    python benchmarks/recam_step.py --device cuda

Shape letters: B batch, D feature channels, H, W map size, N = H * W pixels, C classes.
"""
import argparse
from pathlib import Path
from typing import Callable, Dict, List

import torch
import torch.nn.functional as F
from _measure import (
    check,
    largest_difference,
    machine_report,
    parse_args,
    peak_bytes,
    print_table,
    ratio,
    take_turns,
    time_cell,
)
from torch import Tensor, nn

from mmwsss.models.heads import CAMHead, ReCAMHead

PLAIN, LITERAL, OURS = 'plain classifier', 'literal ReCAM', 'ReCAMHead'
LITERAL_COPIES = 3  # large tensors that live at once: a bound for choosing the batch


class LiteralReCAM(nn.Module):
    """ReCAM's loss as it is written down, on the weights of a :class:`ReCAMHead`."""

    def __init__(self, head: ReCAMHead) -> None:
        super().__init__()
        self.head = head

    def loss_by_maps(self, x: Tensor, targets: Tensor) -> Dict[str, Tensor]:
        maps_bchw = self.head.classifier(x)
        cam_bchw = maps_bchw.relu()
        cam_bchw = cam_bchw / (cam_bchw.amax(dim=(2, 3), keepdim=True) + 1e-5)
        products_bcdhw = cam_bchw[:, :, None] * x[:, None]
        features_bcd = products_bcdhw.flatten(3).mean(dim=-1)
        logits_bcc = features_bcd @ self.head.predictor.weight[:, :, 0, 0].T
        losses = []
        for logits_cc, target_c in zip(logits_bcc, targets):
            present = target_c.nonzero()[:, 0]
            losses.append(F.cross_entropy(logits_cc[present], present))
        return dict(
            loss_cls=F.multilabel_soft_margin_loss(maps_bchw.mean(dim=(2, 3)), targets),
            loss_sce=torch.stack(losses).mean())


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--batch', type=int, help='B; default 16')
    parser.add_argument('--literal-batch', type=int,
                        help='B of the literal form; default: what fits half of the free memory')
    parser.add_argument('--classes', type=int, nargs='+', help='C; default 20 80')


def free_bytes(device: str) -> int:
    """Memory that is free on the device."""
    if device.startswith('cuda'):
        return torch.cuda.mem_get_info(device)[0]
    meminfo = Path('/proc/meminfo')
    if not meminfo.is_file():
        return 8 * 2**30
    line, = (line for line in meminfo.read_text().splitlines() if 'MemAvailable' in line)
    return 1024 * int(line.split()[1])


def fitting_batch(batch: int, literal_bytes: int, device: str) -> int:
    """``batch`` halved until the literal form fits half of the free memory.

    Args:
        literal_bytes (int): of the (C, D, N) tensor of one image.
    """
    while batch > 1 and batch * literal_bytes * LITERAL_COPIES > free_bytes(device) / 2:
        batch //= 2
    return batch


def make_case(module: nn.Module, x: Tensor, targets: Tensor) -> Callable[[], Tensor]:
    """Loss and gradients; the gradients stay in ``x.grad`` and the parameters."""
    def run() -> Tensor:
        loss = sum(module.loss_by_maps(x, targets).values())
        loss.backward()
        return loss.detach()
    return run


class Shape:
    """Features, labels and the three cases at one B and C."""

    def __init__(self, batch: int, classes: int, channels: int, side: int, device: str) -> None:
        torch.manual_seed(0)
        self.device = device
        self.x = torch.randn(batch, channels, side, side).relu_().to(device).requires_grad_()
        targets = torch.zeros(batch, classes)
        for image, row in enumerate(targets):  # 1 or 2 classes an image, as VOC has
            row[[image % classes, (image * image + 1) % classes][:1 + image % 2]] = 1
        self.targets = targets.to(device)
        ours = ReCAMHead(classes, channels).to(device)
        plain = CAMHead(classes, channels).to(device)
        plain.load_state_dict(ours.state_dict(), strict=False)
        self.modules = {PLAIN: plain, LITERAL: LiteralReCAM(ours), OURS: ours}
        self.runs = {name: make_case(module, self.x, self.targets)
                     for name, module in self.modules.items()}

    def reset(self) -> None:
        """Drop all gradients."""
        self.x.grad = None
        for module in self.modules.values():
            module.zero_grad(set_to_none=True)

    def results(self, name: str) -> List[Tensor]:
        """Loss and gradients of a case."""
        self.reset()
        loss = self.runs[name]()
        grads = [self.x.grad, *(p.grad for p in self.modules[name].parameters())]
        self.reset()
        return [loss, *(grad.clone() for grad in grads)]

    def check_equal(self) -> None:
        parts = ('loss', 'gradient of the features', 'of the classifier', 'of the predictor')
        for part, ours, theirs in zip(parts, self.results(OURS), self.results(LITERAL)):
            check(f'ReCAMHead and literal form, {part}', largest_difference(ours, theirs), 1e-4)

    def extra_bytes(self, names) -> Dict[str, int]:
        """Bytes that cases take on top of the plain classifier."""
        peaks = {}
        for name in (PLAIN, *names):
            self.reset()
            peaks[name] = peak_bytes(self.runs[name], self.device)
        self.reset()
        return {name: peaks[name] - peaks[PLAIN] for name in names}


def compare(batch: int, classes: int, channels: int, side: int, args: argparse.Namespace,
            repeats: int) -> None:
    """One table: the batch that the literal form fits, and the whole one."""
    literal_bytes = 4 * classes * channels * side * side
    small = min(batch, args.literal_batch or fitting_batch(batch, literal_bytes, args.device))
    shape = Shape(small, classes, channels, side, args.device)
    shape.check_equal()
    extra = shape.extra_bytes((LITERAL, OURS))
    seconds = take_turns(shape.runs, repeats, args.device, reset=shape.reset)
    rows = [row(small, name, seconds, extra) for name in shape.runs]
    title = (f'C {classes}, D {channels}, {side}x{side}: one (B, C, D, N) tensor of B {batch} is '
             f'{batch * literal_bytes / 1e6:.0f} MB')
    if small < batch:
        title += f'; the literal form is run with B {small}'
        scaled = extra[LITERAL] * batch / small
        shape = Shape(batch, classes, channels, side, args.device)
        extra = shape.extra_bytes((OURS, ))
        runs = {name: shape.runs[name] for name in (PLAIN, OURS)}
        seconds = take_turns(runs, repeats, args.device, reset=shape.reset)
        rows.append([f'{LITERAL} (scaled up)', batch, '', '', f'{scaled / 1e6:.1f}', '1.0'])
        rows += [row(batch, name, seconds, {**extra, LITERAL: scaled}) for name in runs]
    print_table(title, ['case', 'B', 'ms', 'times faster', 'MB more than plain',
                        'times less more'], rows)


def row(batch: int, name: str, seconds: Dict[str, List[float]], extra: Dict[str, float]) -> list:
    """Cells of one case; ratios to the literal form."""
    faster = f'{ratio(seconds[LITERAL], seconds[name]):.1f}' if LITERAL in seconds else ''
    if name == PLAIN:
        return [name, batch, time_cell(seconds[name]), faster, '0.0', '']
    return [name, batch, time_cell(seconds[name]), faster, f'{extra[name] / 1e6:.1f}',
            f'{extra[LITERAL] / max(extra[name], 1):.1f}']


def main() -> None:
    args = parse_args(__doc__, add_options)
    repeats = args.repeats or (1 if args.quick else 7)
    batch = args.batch or (4 if args.quick else 16)
    channels, side = (32, 6) if args.quick else (2048, 32)
    print(machine_report(args.device))
    for classes in args.classes or ([5, 7] if args.quick else [20, 80]):
        compare(batch, classes, channels, side, args, repeats)


if __name__ == '__main__':
    main()
