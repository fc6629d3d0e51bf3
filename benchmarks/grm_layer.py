"""Time and memory of GraphReasoningMapping, forward and backward.

1. ``mode='reference'`` beside a literal implementation of the published formula, which
   concatenates every pixel with every node to a (H W, C, 2D) tensor, image by image. Outputs and
   gradients are compared first; the run stops if they differ.
2. The working forms, the controls, and the context modules inside mmseg's NL, DNL, OCR and EMA
   heads, at the same channels.

    python benchmarks/grm_layer.py
    python benchmarks/grm_layer.py --device cuda

Shape letters: B batch, D channels, H, W map size, N = H * W pixels, C classes (nodes).
"""
import argparse
from typing import Callable, Dict, List, Sequence, Tuple

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
from mmcv.cnn import NonLocal2d
from mmseg.models.decode_heads.dnl_head import DisentangledNonLocal2d
from mmseg.models.decode_heads.ema_head import EMAModule
from mmseg.models.decode_heads.ocr_head import ObjectAttentionBlock, SpatialGatherModule
from torch import Tensor, nn

from mmwsss.models.layers import GlobalContext, GraphReasoningMapping, PixelResidual

# (class graph, classes with background, B, D, H, W): a training crop of VOC, a test image of COCO.
SHAPES = [('voc', 21, 2, 256, 41, 41), ('coco', 81, 1, 256, 60, 80)]
QUICK_SHAPES = [('voc', 21, 2, 32, 7, 9), ('coco', 81, 1, 32, 6, 8)]

WORKING_FORMS = {
    'reference': dict(mode='reference'),
    'bilinear, fixed nodes': dict(mode='bilinear', nodes='fixed'),
    'bilinear, gathered nodes': dict(mode='bilinear', nodes='gathered'),
    'bilinear, coarse nodes (default)': dict(mode='bilinear', nodes='coarse'),
    'additive, fixed nodes': dict(mode='additive', nodes='fixed'),
    'additive, gathered nodes': dict(mode='additive', nodes='gathered'),
    'additive, coarse nodes': dict(mode='additive', nodes='coarse'),
}


class LiteralGRM(nn.Module):
    """grm.txt Eq. 1-2, 7-8 word by word, on the weights of a ``GraphReasoningMapping``.

    Args:
        layer (GraphReasoningMapping): in ``mode='reference'``, without dropout.
        convolve (bool): score the pairs by a 1x1 convolution, as published; else by a matrix
            product, which is the same and may be faster.
    """

    def __init__(self, layer: GraphReasoningMapping, convolve: bool = True) -> None:
        super().__init__()
        self.layer = layer
        self.convolve = convolve

    def _score(self, pairs_nc2d: Tensor) -> Tensor:
        conv = self.layer.score.conv
        if self.convolve:
            return F.conv2d(pairs_nc2d.permute(2, 0, 1)[None], conv.weight, conv.bias)[0, 0]
        return pairs_nc2d @ conv.weight.flatten() + conv.bias

    def _image(self, image: Tensor) -> Tensor:
        """(D, H, W) -> (D, H, W)."""
        words_ce, adjacency_cc = self.layer.graph.embeddings, self.layer.graph.adjacency
        encoder = self.layer.encoder
        # A (V W), as in our layer: with (A V) W, rounding may put a node on the other side of a
        # ReLU, and one gradient in some thousand would differ.
        nodes_cd = F.relu(adjacency_cc @ (words_ce @ encoder.gcn1.weight))
        nodes_cd = F.relu(adjacency_cc @ (nodes_cd @ encoder.gcn2.weight))
        pixels_nd = image.flatten(1).T
        size = len(pixels_nd), len(nodes_cd), -1
        pairs_nc2d = torch.cat(
            [pixels_nd[:, None].expand(size), nodes_cd[None].expand(size)], dim=2)
        added_nd = F.relu(self._score(pairs_nc2d).softmax(dim=0) @ nodes_cd)
        return image + added_nd.T.reshape(image.shape)

    def forward(self, x: Tensor) -> Tensor:
        """(B, D, H, W) -> (B, D, H, W)."""
        return torch.stack([self._image(image) for image in x])


class OCRBlock(nn.Module):
    """What OCRHead does between its features and its classifier, with a 1x1 coarse classifier."""

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        self.coarse = nn.Conv2d(channels, num_classes, 1)
        self.gather = SpatialGatherModule(1)
        self.attend = ObjectAttentionBlock(
            channels, channels // 2, 1, conv_cfg=None, norm_cfg=dict(type='BN'),
            act_cfg=dict(type='ReLU'))

    def reason(self, x: Tensor) -> Tuple[Tensor, Tensor]:
        coarse = self.coarse(x)
        return self.attend(x, self.gather(x, coarse)), coarse


class EMABlock(nn.Module):
    """What EMAHead does between its first and its last 3x3 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.middle = nn.Conv2d(channels, channels, 1).requires_grad_(False)
        self.attend = EMAModule(channels, num_bases=64, num_stages=3, momentum=0.1)
        self.out = nn.Sequential(
            nn.Conv2d(channels, channels, 1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.out(self.attend(self.middle(x)).relu()))


def context_modules(channels: int, num_classes: int, graph: str) -> Dict[str, nn.Module]:
    """All forms of the layer, the controls, and the modules of mmseg's heads."""
    norm = dict(norm_cfg=dict(type='BN'))
    return {
        **{name: GraphReasoningMapping(channels, graph=graph, num_classes=num_classes, **options)
           for name, options in WORKING_FORMS.items()},
        'control: GlobalContext': GlobalContext(channels),
        'control: PixelResidual': PixelResidual(channels),
        'mmseg: NL': NonLocal2d(channels, reduction=2, **norm),
        'mmseg: DNL': DisentangledNonLocal2d(channels, reduction=2, temperature=0.05, **norm),
        'mmseg: OCR': OCRBlock(channels, num_classes),
        'mmseg: EMA': EMABlock(channels),
    }


def forward_backward(module: nn.Module, x: Tensor, grad: Tensor) -> Callable[[], Tensor]:
    """A run of both; the gradients stay in ``x.grad`` and the parameters. Coarse logits too get
    a gradient, so that every part of the module is run."""
    def run() -> Tensor:
        y, coarse = module.reason(x) if hasattr(module, 'reason') else (module(x), None)
        if coarse is None:
            y.backward(grad)
        else:
            torch.autograd.backward([y, coarse], [grad, torch.ones_like(coarse)])
        return y.detach()
    return run


def drop_gradients(x: Tensor, *modules: nn.Module) -> None:
    x.grad = None
    for module in modules:
        module.zero_grad(set_to_none=True)


def results(module: nn.Module, layer: nn.Module, x: Tensor, grad: Tensor) -> Dict[str, Tensor]:
    """What was added to x, and all gradients; those of the score as one, for the gradient of its
    node part and of its bias is 0 but for rounding."""
    drop_gradients(x, module, layer)
    y = forward_backward(module, x, grad)()
    conv = layer.score.conv
    return {
        'output': y,
        'gradient of x': x.grad,
        'gradient of graph convolution 1': layer.encoder.gcn1.weight.grad,
        'gradient of graph convolution 2': layer.encoder.gcn2.weight.grad,
        'gradient of the score': torch.cat([conv.weight.grad.flatten(), conv.bias.grad]),
    }


def check_equal(layer: GraphReasoningMapping, x: Tensor, grad: Tensor) -> None:
    """Reference and literal layer at this shape, and in double precision on a corner of it."""
    corner, corner_grad = (
        tensor[:1, :, :12, :12].detach().double() for tensor in (x, grad))
    _compare('float64', layer.double(), corner.requires_grad_(), corner_grad, 1e-9)
    _compare('float32', layer.float(), x, grad, 1e-4)


def _compare(name: str, layer: GraphReasoningMapping, x: Tensor, grad: Tensor,
             tolerance: float) -> None:
    theirs = results(LiteralGRM(layer), layer, x, grad)
    ours = results(layer, layer, x, grad)
    for key, value in theirs.items():
        check(f'{name}, {tuple(x.shape)}, {key}', largest_difference(ours[key], value), tolerance)
    # The output is mostly x itself; what the layer adds is compared where rounding permits.
    if x.dtype == torch.float64:
        check(f'{name}, {tuple(x.shape)}, output - x',
              largest_difference(ours['output'] - x, theirs['output'] - x), tolerance)


def measure(cases: Dict[str, nn.Module], x: Tensor, grad: Tensor, repeats: int,
            device: str) -> Tuple[Dict[str, List[float]], Dict[str, int]]:
    """Seconds of each turn, and the peak of extra bytes, of forward and backward."""
    runs = {name: forward_backward(module, x, grad) for name, module in cases.items()}

    def reset() -> None:
        drop_gradients(x, *cases.values())

    seconds = take_turns(runs, repeats, device, warmup=2, reset=reset)
    extra = {}
    for name, run in runs.items():
        reset()
        extra[name] = peak_bytes(run, device)
    reset()
    return seconds, extra


def megabytes(count: int) -> str:
    return f'{count / 1e6:.2f}'


def make_inputs(shape: Sequence[int], device: str) -> Tuple[Tensor, Tensor]:
    """Features after a ReLU, as in the head, and a gradient."""
    x = torch.randn(*shape, device=device).relu().requires_grad_()
    return x, torch.randn(*shape, device=device)


def against_literal(shape: tuple, args: argparse.Namespace, repeats: int) -> None:
    graph, _, batch, channels, height, width = shape
    layer = GraphReasoningMapping(channels, graph=graph, mode='reference', dropout=0.)
    layer.to(args.device)
    x, grad = make_inputs((batch, channels, height, width), args.device)
    print()
    check_equal(layer, x, grad)
    literal = 'literal, 1x1 convolution'
    cases = {
        literal: LiteralGRM(layer),
        'literal, matrix product': LiteralGRM(layer, convolve=False),
        "mode='reference'": layer,
    }
    seconds, extra = measure(cases, x, grad, repeats, args.device)
    print_table(
        f'Published layer, B {batch}, D {channels}, {height}x{width}, C {layer.graph.num_nodes}: '
        'forward + backward',
        ['implementation', 'ms', 'extra MB', 'times faster', 'times less memory'],
        [[name, time_cell(seconds[name]), megabytes(extra[name]),
          f'{ratio(seconds[literal], seconds[name]):.1f}',
          f'{extra[literal] / extra[name]:.1f}'] for name in cases])


def compare_modules(shape: tuple, args: argparse.Namespace, repeats: int) -> None:
    graph, num_classes, batch, channels, height, width = shape
    x, grad = make_inputs((batch, channels, height, width), args.device)
    cases = context_modules(channels, num_classes, graph)
    for module in cases.values():
        module.to(args.device)
    seconds, extra = measure(cases, x, grad, repeats, args.device)
    default = 'bilinear, coarse nodes (default)'
    print_table(
        f'All forms and other modules, B {batch}, D {channels}, {height}x{width}, '
        f'{num_classes} classes: '
        'forward + backward, with dropout',
        ['module', 'parameters', 'ms', 'extra MB', 'time / default', 'memory / default'],
        [[name, sum(p.numel() for p in module.parameters()), time_cell(seconds[name]),
          megabytes(extra[name]), f'{ratio(seconds[name], seconds[default]):.2f}',
          f'{extra[name] / extra[default]:.2f}'] for name, module in cases.items()])


def main() -> None:
    args = parse_args(__doc__)
    repeats = args.repeats or (1 if args.quick else 25)
    print(machine_report(args.device))
    for shape in QUICK_SHAPES if args.quick else SHAPES:
        against_literal(shape, args, repeats)
        compare_modules(shape, args, repeats)


if __name__ == '__main__':
    main()
