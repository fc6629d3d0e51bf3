"""Time and memory of a training step of P-GNN beside the plain classifier on the same trunk.

The plain classifier is ``PGNNHead`` with ``context='none'``; before it is raced, its loss and
gradient are compared with those of ``CAMHead``, and so is the graph, which begins as the identity.
Rows: the patch graph (S = 4, N = 3) without and with the soft-complementary loss, which erases
class maps, or to the letter features, with two more passes of the head; then more patches and
larger groups.

Memory is the highest number of bytes that live at once in forward and backward, weights and
inputs aside.

    python benchmarks/pgnn_step.py
    python benchmarks/pgnn_step.py --trunk r50 --crop 512 --device cuda

Shape letters: S patches a side, N images in a group.
"""
import argparse
from typing import Callable, Dict, List, Optional, Tuple

import torch
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
from mmengine.registry import MODELS, init_default_scope
from mmpretrain.structures import DataSample
from torch import Tensor, nn

import mmwsss  # noqa: F401

PLAIN, GRAPH, LOSS = 'plain classifier', 'patch graph', 'patch graph + SC loss, {} erased'
TRUNKS = {
    'effnetlite0': (dict(type='FrozenTIMMBackbone', model_name='tf_efficientnet_lite0',
                         out_indices=(4, ), output_stride=16, frozen_stages=2, norm_eval=True),
                    320),
    'r50': (dict(type='ResNet', depth=50, strides=(1, 2, 2, 1), frozen_stages=0, norm_eval=True),
            2048),
    'r101': (dict(type='ResNet', depth=101, strides=(1, 2, 2, 1), frozen_stages=0,
                  norm_eval=True), 2048),
    'vgg16': (dict(type='VGGLargeFOV'), 512),
    'tiny': (dict(type='ResNet', depth=18, base_channels=4, stem_channels=4), 32),
}


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--trunk', choices=sorted(TRUNKS), help='default effnetlite0')
    parser.add_argument('--crop', type=int, help='side of the images; default 192')
    parser.add_argument('--batch', type=int, help='images; default 12, a multiple of each N')
    parser.add_argument('--channels', type=int, help='of the nodes; default 128')


class Steps:
    """Cases on one trunk: forward, loss, backward."""

    def __init__(self, trunk: str, crop: int, batch: int, channels: int, device: str) -> None:
        torch.manual_seed(0)
        backbone, self.width = TRUNKS[trunk]
        self.trunk = MODELS.build(backbone).to(device)
        self.trunk.train()  # returns nothing in mmpretrain
        self.images = torch.randn(batch, 3, crop, crop, device=device)
        self.samples = [self._sample(device) for _ in range(batch)]
        self.channels, self.device = channels, device

    @staticmethod
    def _sample(device: str) -> DataSample:
        sample = DataSample().set_gt_label([0, 3])
        sample.set_field(torch.rand(2, 8, 8, device=device), 'attention')
        sample.set_field([0, 3], 'attention_classes', field_type='metainfo')
        return sample

    def head(self, patches: int = 4, group_size: int = 3, erase: Optional[str] = None,
             context: str = 'graph') -> nn.Module:
        """``erase``: with the loss, what of; None: without it."""
        return MODELS.build(dict(
            type='PGNNHead', num_classes=20, in_channels=self.width, context=context,
            patches=patches, group_size=group_size, graph=dict(channels=self.channels),
            **dict(loss_sc=dict(type='SoftComplementaryLoss'), erase=erase) if erase else {}
        )).to(self.device)

    def run(self, head: nn.Module) -> Callable[[], Tensor]:
        def step() -> Tensor:
            loss = sum(head.loss(self.trunk(self.images), self.samples).values())
            loss.backward()
            return loss.detach()
        step.head = head
        return step

    def reset(self, runs: Dict[str, Callable]) -> None:
        """Drop all gradients."""
        self.trunk.zero_grad(set_to_none=True)
        for run in runs.values():
            run.head.zero_grad(set_to_none=True)

    def check_plain(self, runs: Dict[str, Callable]) -> None:
        """Plain CAM, this head without context and the untrained graph: one loss, one gradient."""
        cam = MODELS.build(dict(type='CAMHead', num_classes=20, in_channels=self.width))
        runs = {'CAMHead': self.run(cam.to(self.device)), **runs}
        for run in runs.values():
            run.head.classifier.load_state_dict(cam.classifier.state_dict())
        results = {}
        for name, run in runs.items():
            self.reset(runs)
            results[name] = (run(), run.head.classifier.weight.grad.clone())
        self.reset(runs)
        for name in (PLAIN, GRAPH):
            for part, ours, theirs in zip(('loss', 'gradient of the classifier'), results[name],
                                          results['CAMHead']):
                check(f'{name} and CAMHead, {part}', largest_difference(ours, theirs), 1e-4)


def compare(steps: Steps, runs: Dict[str, Callable], repeats: int, title: str) -> None:
    """A table of time and memory beside the plain classifier."""
    peaks = {}
    for name, run in runs.items():
        steps.reset(runs)
        peaks[name] = peak_bytes(run, steps.device)
    seconds = take_turns(runs, repeats, steps.device, reset=lambda: steps.reset(runs))
    rows: List[Tuple] = [
        (name, time_cell(seconds[name]), f'{ratio(seconds[name], seconds[PLAIN]):.3f}',
         f'{peaks[name] / 1e6:.1f}', f'{peaks[name] / peaks[PLAIN]:.3f}') for name in runs]
    print_table(title, ['case', 'ms', 'times plain', 'MB', 'times plain '], rows)


def main() -> None:
    args = parse_args(__doc__, add_options)
    init_default_scope('mmpretrain')
    repeats = args.repeats or (1 if args.quick else 9)
    trunk = args.trunk or ('tiny' if args.quick else 'effnetlite0')
    crop = args.crop or (32 if args.quick else 192)
    batch = args.batch or 12
    print(machine_report(args.device))
    steps = Steps(trunk, crop, batch, args.channels or (8 if args.quick else 128), args.device)
    plain = steps.run(steps.head(context='none'))
    main_runs = {PLAIN: plain, GRAPH: steps.run(steps.head()),
                 **{LOSS.format(erase): steps.run(steps.head(erase=erase))
                    for erase in ('maps', 'features')}}
    steps.check_plain({name: main_runs[name] for name in (PLAIN, GRAPH)})
    where = f'{trunk}, {batch} images of {crop}x{crop}'
    compare(steps, main_runs, repeats, f'{where}: S 4, N 3')
    compare(steps, {PLAIN: plain, **{f'S {s}': steps.run(steps.head(patches=s))
                                     for s in (2, 4, 6, 8)}}, repeats, f'{where}: N 3')
    sizes = [n for n in (1, 2, 3, 6, 12) if batch % n == 0]
    compare(steps, {PLAIN: plain, **{f'N {n}': steps.run(steps.head(group_size=n))
                                     for n in sizes}}, repeats, f'{where}: S 4')


if __name__ == '__main__':
    main()
