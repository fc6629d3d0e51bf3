"""Time and memory of training steps: what graph reasoning and multi-scale inputs cost.

All models share one ResNet-101 backbone (output stride 8, BN frozen) and see the same images.

1. Heads alone, forward with loss and backward: ASPP-256 of DeepLabV2 without and with
   GraphReasoningMapping, and mmseg's non-local, disentangled non-local, OCR and EMA heads, each
   with 256 channels from 2048. What a head adds to ASPP-256 is given in percent of a whole step.
2. Whole training steps (preprocessing, forward, losses, backward, SGD) of the same.
3. Whole training steps of DeepLabV2, single-scale and multi-scale (MSC), beside mmseg's FCN.

    python benchmarks/train_step.py
    python benchmarks/train_step.py --device cuda --batch 10

Learning rate 0, so that the weights stay; without auxiliary heads, but for the coarse map that OCR
needs. A head's time is the less noisy figure: in a whole step the backbone outweighs it.

Shape letters: B batch, D feature channels, H, W size of the image.
"""
import argparse
from statistics import median
from typing import Callable, Dict, List

import torch
from _measure import (
    check,
    largest_difference,
    machine_report,
    parse_args,
    peak_bytes,
    print_table,
    ratio,
    state_bytes,
    take_turns,
    time_cell,
)
from mmengine.optim import OptimWrapper
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor, nn

import mmwsss  # noqa: F401  registers the models

BASE = 'ASPP-256'
OURS = 'ASPP-256 + GRM (default)'
FCN = 'FCN, mmseg (512 channels)'


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--batch', type=int, default=1, help='images a step')
    parser.add_argument('--crop', type=int, help='side of the images; default 321')
    parser.add_argument('--classes', type=int, default=21)
    parser.add_argument('--heads-only', action='store_true', help='leave out whole steps')


class Models:
    """Builds segmentors that share one backbone.

    Args:
        depth (int): of the ResNet.
        channels (int): of the heads.
        num_classes (int): K.
        device (str): where to put them.
    """

    def __init__(self, depth: int, channels: int, num_classes: int, device: str) -> None:
        self.device, self.channels, self.num_classes = device, channels, num_classes
        expansion = 1 if depth < 50 else 4
        self.features = 512 * expansion
        self.backbone = MODELS.build(dict(
            type='ResNet', depth=depth, num_stages=4, out_indices=(0, 1, 2, 3),
            strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4), contract_dilation=False,
            style='caffe', norm_cfg=dict(type='BN', requires_grad=False), norm_eval=True))
        self.backbone.to(device)

    def common(self, **options) -> dict:
        """What the configs of all heads share."""
        return dict(in_channels=self.features, in_index=3, num_classes=self.num_classes,
                    align_corners=False, **options)

    def aspp(self, channels: int = None) -> dict:
        return dict(type='DeepLabV2Head', channels=channels, **self.common())

    def grm(self, **options) -> dict:
        return dict(type='GRMHead', head=self.aspp(self.channels), graph='voc', **options)

    def mmseg(self, kind: str, **options) -> dict:
        return dict(type=kind, channels=self.channels, dropout_ratio=0.1,
                    norm_cfg=dict(type='BN'), **self.common(), **options)

    def build(self, head, kind: str = 'EncoderDecoder', **options) -> nn.Module:
        """A segmentor in training mode with the shared backbone."""
        model = MODELS.build(dict(
            type=kind, decode_head=head, test_cfg=dict(mode='whole'),
            data_preprocessor=dict(type='SegDataPreProcessor', mean=[104., 117., 123.],
                                   std=[1., 1., 1.], bgr_to_rgb=False, pad_val=0,
                                   seg_pad_val=255, size_divisor=1),
            backbone=dict(type='ResNet', depth=18, num_stages=1, base_channels=1, strides=(1, ),
                          dilations=(1, ), out_indices=(0, )),
            **options))
        model.backbone = self.backbone  # in place of the tiny one
        return model.to(self.device).train()

    def ocr(self) -> nn.Module:
        """OCR with the coarse head of mmseg's configs, on the stage before the last."""
        coarse = self.mmseg('FCNHead', num_convs=1, concat_input=False)
        coarse.update(in_channels=self.features // 2, in_index=2)
        coarse['loss_decode'] = dict(type='CrossEntropyLoss', loss_weight=0.4)
        heads = [coarse, self.mmseg('OCRHead', ocr_channels=self.channels // 2)]
        return self.build(heads, 'CascadeEncoderDecoder', num_stages=2)


def context_models(models: Models) -> Dict[str, nn.Module]:
    """Heads with something that brings context, and the plain one."""
    width = models.channels
    return {
        BASE: models.build(models.aspp(width)),
        OURS: models.build(models.grm()),
        'NLHead': models.build(models.mmseg('NLHead', reduction=2)),
        'DNLHead': models.build(models.mmseg('DNLHead', reduction=2)),
        'OCRHead + coarse head': models.ocr(),
        'EMAHead': models.build(models.mmseg(
            'EMAHead', ema_channels=width, num_bases=64, num_stages=3)),
    }


def other_heads(models: Models) -> Dict[str, nn.Module]:
    """Forms of the layer that are not the default, its control, and GRM in the head that NL and
    DNL build upon."""
    fcn = models.mmseg('FCNHead', num_convs=2)
    heads = {
        'FCNHead': fcn,
        'FCNHead + GRM (default)': dict(type='GRMHead', head=fcn, graph='voc'),
        'ASPP-256 + GRM reference': models.grm(mode='reference'),
        'ASPP-256 + GRM bilinear, gathered': models.grm(nodes='gathered'),
        'ASPP-256 + GRM additive, coarse': models.grm(mode='additive'),
        'ASPP-256 + GlobalContext': dict(
            type='ContextHead', head=models.aspp(models.channels),
            context=dict(type='GlobalContext')),
    }
    return {name: models.build(head) for name, head in heads.items()}


def scale_models(models: Models, channels_fcn: int = 512) -> Dict[str, nn.Module]:
    """Single-scale and multi-scale DeepLabV2, and mmseg's FCN at the same output stride."""
    fcn = models.mmseg('FCNHead', num_convs=2)
    fcn['channels'] = channels_fcn
    return {
        FCN: models.build(fcn),
        'DeepLabV2, straight to classes': models.build(models.aspp()),
        'DeepLabV2, straight to classes, MSC': models.build(models.aspp(), 'MSCEncoderDecoder'),
        'DeepLabV2 ASPP-256 + GRM': models.build(models.grm()),
        'DeepLabV2 ASPP-256 + GRM, MSC': models.build(models.grm(), 'MSCEncoderDecoder'),
    }


def make_batch(batch: int, side: int, num_classes: int) -> dict:
    """Random images and label maps of blocks, as the pipeline packs them."""
    images = [torch.randint(0, 256, (3, side, side), dtype=torch.uint8) for _ in range(batch)]
    samples = []
    for _ in images:
        blocks = torch.randint(0, num_classes, (1, 1, 8, 8)).float()
        labels = nn.functional.interpolate(blocks, size=(side, side)).long()[0]
        samples.append(SegDataSample(
            gt_sem_seg=PixelData(data=labels),
            metainfo=dict(img_shape=(side, side), ori_shape=(side, side),
                          pad_shape=(side, side))))
    return dict(inputs=images, data_samples=samples)


def calibrate(backbone: nn.Module, inputs: Tensor) -> None:
    """Give frozen BN the statistics of these images: random weights with those of the constructor
    would let activations grow from block to block."""
    norms = [m for m in backbone.modules() if isinstance(m, nn.BatchNorm2d)]
    backbone.train()
    for norm in norms:
        norm.train()
        norm.momentum = 1.
    with torch.no_grad():
        backbone(inputs)
    backbone.train()


def whole_step(model: nn.Module, batch: dict) -> Callable[[], object]:
    """A training step as mmengine's loop does it."""
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    wrapper = OptimWrapper(torch.optim.SGD(trainable, lr=0., momentum=0.9, weight_decay=5e-4))
    return lambda: model.train_step(batch, wrapper)


def head_step(model: nn.Module, feats: List[Tensor], samples: list) -> Callable[[], None]:
    """Forward of the head with its losses, and backward down to the backbone's features."""
    def run() -> None:
        losses = model._decode_head_forward_train(feats, samples)
        model.parse_losses(losses)[0].backward()
    return run


def total_loss(model: nn.Module, data: dict) -> Tensor:
    return model.parse_losses(model.loss(data['inputs'], data['data_samples']))[0]


def check_equal(models: Models, data: dict) -> None:
    """What should give the same loss and gradient does, so that like is compared with like."""
    plain = models.build(models.aspp(models.channels))
    reasoning = models.build(models.grm(loss_coarse_weight=0.))
    single = models.build(models.aspp(models.channels), 'MSCEncoderDecoder', scales=(1., ))
    for other in (reasoning, single):
        other.load_state_dict(plain.state_dict(), strict=False)
    for parameter in reasoning.decode_head.grm.value.parameters():
        nn.init.zeros_(parameter)
    for name, other in (('GRM whose values are 0', reasoning), ('MSC of one scale', single)):
        for part, ours, theirs in zip(
                ('loss', 'gradient'), _loss_and_gradient(other, data),
                _loss_and_gradient(plain, data)):
            check(f'{name} and plain ASPP, {part}', largest_difference(ours, theirs), 1e-5)


def _loss_and_gradient(model: nn.Module, data: dict) -> List[Tensor]:
    weight = model.decode_head.aspp[0].weight
    loss = total_loss(model, data)
    return [loss, torch.autograd.grad(loss, weight)[0]]


def million_parameters(module: nn.Module) -> str:
    return f'{sum(p.numel() for p in module.parameters()) / 1e6:.2f}'


def megabytes(count: float) -> str:
    return f'{count / 1e6:.1f}'


def percent(share: float) -> str:
    return f'{100 * share:+.2f} %'


def compare_heads(cases: Dict[str, nn.Module], data: dict, repeats: int, device: str) -> None:
    """Table 1. The backbone's own cost is measured once, to know what a head's share is."""
    backbone = cases[BASE].backbone
    with torch.no_grad():
        feats = [feat.detach() for feat in backbone(data['inputs'])]
    feats = [feat.requires_grad_() for feat in feats]
    trunk_gradient = torch.randn_like(feats[-1])

    def trunk() -> None:
        backbone(data['inputs'])[-1].backward(trunk_gradient)

    def reset() -> None:
        for holder in (backbone, *(model.decode_head for model in cases.values())):
            holder.zero_grad(set_to_none=True)
        for feat in feats:
            feat.grad = None

    runs = {name: head_step(model, feats, data['data_samples']) for name, model in cases.items()}
    seconds = take_turns(runs, repeats, device, warmup=1, reset=reset)
    trunk_seconds = take_turns({'trunk': trunk}, min(3, repeats), device, reset=reset)['trunk']
    extra = {}
    for name, run in [*runs.items(), ('trunk', trunk)]:
        reset()
        extra[name] = peak_bytes(run, device)
    reset()
    step = median(trunk_seconds) + median(seconds[BASE])
    print_table(
        f'Heads alone: loss and gradients (backbone once: {time_cell(trunk_seconds)} ms, '
        f'{megabytes(extra["trunk"])} MB extra)',
        ['head', 'M parameters', 'ms', 'extra MB', 'time / ASPP-256', 'more ms than ASPP-256',
         'of a step'],
        [[name, million_parameters(model.decode_head), time_cell(seconds[name]),
          megabytes(extra[name]), f'{ratio(seconds[name], seconds[BASE]):.2f}',
          f'{1e3 * more:+.1f}', percent(more / step)]
         for name, model in cases.items()
         for more in [median(a - b for a, b in zip(seconds[name], seconds[BASE]))]])


def compare_steps(title: str, base: str, cases: Dict[str, nn.Module], batch: dict, repeats: int,
                  device: str) -> None:
    """Tables 2 and 3. Memory: weights, momenta and the peak of what a step allocates."""
    runs = {name: whole_step(model, batch) for name, model in cases.items()}
    seconds = take_turns(runs, repeats, device, warmup=1)
    extra, total = {}, {}
    for name, run in runs.items():
        extra[name] = peak_bytes(run, device)
        momenta = sum(p.numel() * p.element_size() for p in cases[name].parameters()
                      if p.requires_grad)
        total[name] = extra[name] + state_bytes(cases[name]) + momenta
    print_table(
        title,
        ['model', 'M parameters', 'ms', 'extra MB', 'MB with weights', f'time / {base}',
         'memory / same'],
        [[name, million_parameters(model), time_cell(seconds[name]), megabytes(extra[name]),
          megabytes(total[name]), f'{ratio(seconds[name], seconds[base]):.3f}',
          f'{total[name] / total[base]:.3f}'] for name, model in cases.items()])


def main() -> None:
    args = parse_args(__doc__, add_options)
    repeats = args.repeats or (1 if args.quick else 7)
    side = args.crop or (65 if args.quick else 321)
    print(machine_report(args.device))
    depth, channels = (18, 16) if args.quick else (101, 256)
    print(f'batch {args.batch}, {side}x{side}, ResNet-{depth}, {args.classes} classes')
    init_default_scope('mmseg')
    models = Models(depth, channels, args.classes, args.device)
    batch = make_batch(args.batch, side, args.classes)
    data = models.build(models.aspp()).data_preprocessor(batch, True)
    calibrate(models.backbone, data['inputs'])
    check_equal(models, data)
    cases = context_models(models)
    compare_heads({**cases, **other_heads(models)}, data, 3 * repeats, args.device)
    if args.heads_only:
        return
    compare_steps('Whole training steps, context heads', BASE, cases, batch, repeats, args.device)
    del cases
    compare_steps('Whole training steps, scales of the input', FCN, scale_models(models), batch,
                  repeats, args.device)


if __name__ == '__main__':
    main()
