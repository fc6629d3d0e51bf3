"""Dilated depthwise convolutions on interleaved maps beside torch's own dilated ones.

Forward and backward of the layer alone, then a training step of a trunk with
``FrozenTIMMBackbone(split_dilated=True)`` beside the same trunk without, both in two memory
layouts. Outputs and gradients are compared first.

    python benchmarks/dilated_depthwise.py
"""
import copy
from typing import Callable, Dict

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
from mmengine.registry import MODELS
from torch import nn

import mmwsss  # noqa: F401
from mmwsss.models.layers.dilated_depthwise import split_dilated_depthwise

LAYOUTS = {'channels first': torch.contiguous_format, 'channels last': torch.channels_last}


def step_of(net: nn.Module, x: torch.Tensor) -> Callable:
    """Forward and backward of the mean square of what a network returns."""
    def step() -> torch.Tensor:
        net.zero_grad(set_to_none=True)
        out = net(x)
        out = out[-1] if isinstance(out, (list, tuple)) else out
        out.square().mean().backward()
        return out
    step.net = net
    return step


def compare(title: str, pairs: Dict[str, Dict[str, Callable]], repeats: int, device: str,
            tolerance: float) -> None:
    """A table with one row a layout; ``pairs`` has the runs 'torch' and 'split' of each."""
    rows = []
    for layout, runs in pairs.items():
        check(f'{title}, {layout}, output',
              largest_difference(runs['split'](), runs['torch']()), tolerance)
        weights = [[param.grad for param in runs[name].net.parameters() if param.requires_grad][0]
                   for name in ('split', 'torch')]
        check(f'{title}, {layout}, gradient', largest_difference(*weights), 100 * tolerance)
        peaks = {name: peak_bytes(run, device) for name, run in runs.items()}
        seconds = take_turns(runs, repeats, device)
        rows.append((layout, time_cell(seconds['torch']), time_cell(seconds['split']),
                     f'{ratio(seconds["torch"], seconds["split"]):.2f}',
                     f'{peaks["torch"] / 1e6:.1f}', f'{peaks["split"] / 1e6:.1f}'))
    print_table(title, ['layout', "torch's, ms", 'split, ms', 'times faster', "torch's, MB",
                        'split, MB'], rows)


def main() -> None:
    args = parse_args(__doc__)
    repeats = args.repeats or (1 if args.quick else 7)
    batch, channels, side, crop = (2, 8, 6, 32) if args.quick else (15, 1152, 12, 192)
    print(machine_report(args.device))
    layer = nn.Conv2d(channels, channels, 5, padding=4, dilation=2, groups=channels)
    trunk = dict(type='FrozenTIMMBackbone', model_name='tf_efficientnet_lite0',
                 out_indices=(4, ), output_stride=16, frozen_stages=2, norm_eval=True)
    layers, trunks = {}, {}
    for layout, memory in LAYOUTS.items():
        x = torch.randn(batch, channels, side, side, device=args.device).contiguous(
            memory_format=memory).requires_grad_()
        ours = copy.deepcopy(layer).to(args.device, memory_format=memory)
        layers[layout] = dict(torch=step_of(ours, x), split=step_of(
            split_dilated_depthwise(nn.Sequential(copy.deepcopy(ours))), x))
        images = torch.randn(batch, 3, crop, crop, device=args.device)
        nets = {name: MODELS.build(dict(
            trunk, channels_last=memory is torch.channels_last, split_dilated=name == 'split'
        )).to(args.device) for name in ('torch', 'split')}
        nets['split'].load_state_dict(nets['torch'].state_dict())
        trunks[layout] = {name: step_of(net.train(), images) for name, net in nets.items()}
    compare(f'5x5, dilation 2, {batch} maps of {channels}x{side}x{side}', layers, repeats,
            args.device, 1e-5)
    compare(f'EfficientNet-Lite0 at output stride 16, {batch} images of {crop}x{crop}', trunks,
            repeats, args.device, 1e-3)


if __name__ == '__main__':
    main()
