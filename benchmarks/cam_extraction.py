"""Extracting activation maps: time, disk and memory beside the way of the published code.

That way (IRN, ReCAM): an image at a time, a scale at a time, the image and its mirror image in one
forward pass or one after the other; maps of all classes at stride 4 and at full size; those of the
image's classes saved as float32 arrays in an .npy file. Ours is the test loop of a config:
batches, ``CAMClassifier.test_step``, ``ActivationWriter``. Both decode the same files, run the
same network at scales 1, 0.5, 1.5, 2 and write to the same disk. Maps of equally resized images
(the published code resizes 8-bit images, ours tensors) are compared first; the run stops
if they differ. With --checkpoint and masks, seeds are compared too.

    python benchmarks/cam_extraction.py --data VOCdevkit/VOC2012
    python benchmarks/cam_extraction.py --config configs/recam/cam_r50_voc.py --device cuda

Without --data, noise images of VOC's sizes are made up. Without --checkpoint or the initial
weights of the config at hand the network is random, which takes the same time.

Shape letters: C classes, K classes in the image, H, W image size, h, w at stride 4.
"""
import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Callable, Dict, List, Tuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _measure import (  # noqa: E402
    ROOT,
    check,
    machine_report,
    parse_args,
    peak_bytes,
    print_table,
    ratio,
    spread,
    take_turns,
)
from _voc_images import VOC_SIZES, VOCImages  # noqa: E402
from mmengine.config import Config  # noqa: E402
from mmengine.registry import MODELS, init_default_scope  # noqa: E402
from mmengine.runner import Runner  # noqa: E402

import mmwsss  # noqa: F401, E402  registers the models
from mmwsss.engine.safe_load import load_checkpoint_safely  # noqa: E402
from mmwsss.evaluation import ActivationWriter  # noqa: E402
from mmwsss.evaluation.label_quality import ThresholdCurve  # noqa: E402
from mmwsss.labels import ActivationStore  # noqa: E402

SCALES = (1.0, 0.5, 1.5, 2.0)
ONE, PAIRS = 'published, a view at a time', 'published, image and mirror'


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--config', help='of a CAMClassifier; default: EfficientNet-Lite0')
    parser.add_argument('--checkpoint', help='its trained weights')
    parser.add_argument('--data', help='VOC-shaped folder: JPEGImages, ImageSets, and masks')
    parser.add_argument('--list', default='ImageSets/Segmentation/train.txt',
                        help='images of --data, of which --images are taken evenly')
    parser.add_argument('--masks', default='SegmentationClassAug', help='folder of --data')
    parser.add_argument('--images', type=int, help='how many; default 16')
    parser.add_argument('--batch', type=int, default=4, help='of ours, beside batch 1')


def build_model(cfg: Config, args: argparse.Namespace) -> torch.nn.Module:
    """The config's model with the weights at hand, ready to test."""
    cfg.model.test_cam = dict(scales=SCALES, flip=True, stride=4)
    start = (cfg.model.backbone.get('init_cfg') or {}).get('checkpoint', '')
    model = MODELS.build(cfg.model)
    if args.checkpoint:
        state = load_checkpoint_safely(args.checkpoint)
        model.load_state_dict(state.get('state_dict', state))
    elif Path(start).is_file():
        model.init_weights()
    return model.to(args.device).eval()


class Published:
    """Extraction as the published code does it.

    Args:
        pairs (bool): image and mirror image in one forward pass.
        resize_tensors (bool): resize images as ours does, to compare the rest.
    """

    def __init__(self, model: torch.nn.Module, images: VOCImages, pairs: bool, device: str,
                 resize_tensors: bool = False) -> None:
        self.model, self.images, self.pairs, self.device = model, images, pairs, device
        self.resize_tensors = resize_tensors
        preprocessor = model.data_preprocessor
        self.mean, self.std = preprocessor.mean.cpu(), preprocessor.std.cpu()

    def views(self, image: Image.Image, scale: float) -> Tensor:
        """The scaled image and its mirror image, (2, 3, H', W')."""
        width, height = [round(scale * length) for length in image.size]
        if scale != 1 and not self.resize_tensors:
            image = image.resize((width, height), Image.BICUBIC)
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).float()
        pixels = ((pixels - self.mean) / self.std).to(self.device)
        if scale != 1 and self.resize_tensors:
            pixels = F.interpolate(
                pixels[None], (height, width), mode='bicubic', antialias=True)[0]
        return torch.stack([pixels, pixels.flip(-1)])

    @torch.no_grad()
    def maps(self, name: str) -> Tuple[Tensor, Tensor]:
        """Maps of the image's classes at stride 4 and at full size, (K, h, w) and (K, H, W)."""
        image = Image.open(self.images.path(name)).convert('RGB')
        width, height = image.size
        low, high = [], []
        for scale in SCALES:
            views = self.views(image, scale)
            parts = [views] if self.pairs else views.split(1)
            straight, mirrored = torch.cat(
                [self.model.cams(self.model.extract_feat(part)) for part in parts])
            maps_chw = (straight + mirrored.flip(-1))[None]
            low.append(F.interpolate(maps_chw, (-(-height // 4), -(-width // 4)),
                                     mode='bilinear')[0])
            up = (-(-height // 16) * 16, -(-width // 16) * 16)
            high.append(F.interpolate(maps_chw, up, mode='bilinear')[0, :, :height, :width])
        keep = self.images.classes[name]
        return tuple(self.normalised(torch.stack(maps).sum(dim=0)[keep]) for maps in (low, high))

    @staticmethod
    def normalised(maps: Tensor) -> Tensor:
        return maps / (maps.amax(dim=(1, 2), keepdim=True) + 1e-5)

    def run(self, out: Path, ids: List[str]) -> None:
        out.mkdir(parents=True, exist_ok=True)
        for name in ids:
            low, high = self.maps(name)
            np.save(out / f'{name}.npy', dict(
                keys=np.array(self.images.classes[name]), cam=low.cpu().numpy(),
                high_res=high.cpu().numpy()))


class Ours:
    """The test loop of the config, written out."""

    def __init__(self, model: torch.nn.Module, images: VOCImages, cfg: Config, batch: int) -> None:
        self.model = model
        loader = dict(cfg.test_dataloader)
        loader.update(
            batch_size=batch, num_workers=0, persistent_workers=False, dataset=dict(
                type='WeakVOCDataset', data_root=str(images.root), ann_file='list.txt',
                test_mode=True, pipeline=cfg.test_dataloader.dataset.pipeline))
        self.loader = Runner.build_dataloader(loader, seed=0)

    def run(self, out: Path, batches: int = None) -> None:
        writer = ActivationWriter(str(out))
        writer.dataset_meta = self.loader.dataset.metainfo
        for number, data in enumerate(self.loader):
            if number == batches:
                break
            with torch.no_grad():
                samples = self.model.test_step(data)
            writer.process(data, [sample.to_dict() for sample in samples])


def folder_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob('*') if path.is_file())


def compare_maps(published: Published, store: ActivationStore, ids: List[str]) -> None:
    """What both give at full size: the 8-bit stride-4 maps beside the float32 ones."""
    gaps = []
    for name in ids:
        _, maps = store.read(name)
        gaps.append(float((maps - published.maps(name)[1].cpu()).abs().mean()))
    check('maps at full size, mean over an image', max(gaps), 0.02)


def compare_seeds(published: Published, store: ActivationStore, images: VOCImages) -> None:
    """mIoU of the seeds of both ways, each at its best threshold."""
    curves = {'published, float32 at full size': ThresholdCurve(21),
              'store, 8 bits at stride 4': ThresholdCurve(21)}
    for name in images.ids:
        truth = np.array(Image.open(images.masks / f'{name}.png'))
        ids = [index + 1 for index in images.classes[name]]
        for curve, maps in zip(curves.values(), (published.maps(name)[1].cpu(),
                                                 store.read(name)[1])):
            curve.update(maps.clamp(0, 1).numpy(), ids, truth)
    print_table(f'Seeds of {len(images.ids)} images', ['maps', 'threshold', 'mIoU'], [
        [name, f'{curve.best() / 255:.3f}', f'{curve.quality(curve.best())["miou"]:.2f}']
        for name, curve in curves.items()])


def compare_cost(cases: Dict[str, Callable[[Path], None]],
                 few: Dict[str, Callable[[Path], None]], count: int, work: Path,
                 args: argparse.Namespace) -> None:
    """The table of time, disk and memory. ``few`` are the same cases on --batch images."""
    def reset() -> None:
        shutil.rmtree(work / 'out', ignore_errors=True)

    repeats = args.repeats or (1 if args.quick else 5)
    seconds = take_turns({name: lambda run=run: run(work / 'out') for name, run in cases.items()},
                         repeats, args.device, reset=reset)
    rows = {}
    for name, run in few.items():
        reset()
        rows[name] = peak_bytes(lambda run=run: run(work / 'out'), args.device)
    disk = {}
    for name, run in cases.items():
        reset()
        run(work / 'out')
        disk[name] = folder_bytes(work / 'out') / count
    print_table(
        f'{count} images, scales {SCALES} and mirrored, {args.device}',
        ['way', 'images/s', 'times faster', 'kB an image', 'times fewer', 'peak MB',
         'times less'],
        [[name, f'{count / median(seconds[name]):.2f} ±{50 * spread(seconds[name]):.0f} %',
          f'{ratio(seconds[ONE], seconds[name]):.2f}', f'{disk[name] / 1e3:.1f}',
          f'{disk[ONE] / disk[name]:.1f}', f'{rows[name] / 1e6:.1f}',
          f'{rows[ONE] / rows[name]:.2f}'] for name in cases])


def main() -> None:
    args = parse_args(__doc__, add_options)
    print(machine_report(args.device))
    name = 'cam_r18_toy.py' if args.quick else 'cam_effnetlite0_vocmini.py'
    cfg = Config.fromfile(args.config or ROOT / 'configs' / 'recam' / name)
    init_default_scope('mmpretrain')
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        count = args.images or (3 if args.quick else 16)
        if args.data:
            images = VOCImages.linked(work / 'voc', Path(args.data), args.list, args.masks, count)
        else:
            sizes = [(48, 64), (64, 48)] if args.quick else VOC_SIZES
            images = VOCImages.drawn(work / 'voc', sizes, count)
        model = build_model(cfg, args)
        published = {ONE: Published(model, images, False, args.device),
                     PAIRS: Published(model, images, True, args.device)}
        ours = {f'ours, batch {batch}': Ours(model, images, cfg, batch)
                for batch in sorted({1, args.batch})}
        ours[f'ours, batch {args.batch}'].run(work / 'store')
        store = ActivationStore(work / 'store')
        compare_maps(Published(model, images, True, args.device, resize_tensors=True), store,
                     images.ids[:args.batch])
        if args.checkpoint and images.masks:
            compare_seeds(published[PAIRS], store, images)
        cases, few = {}, {}
        for name, way in published.items():
            cases[name] = lambda out, way=way: way.run(out, images.ids)
            few[name] = lambda out, way=way: way.run(out, images.ids[:args.batch])
        for name, way in ours.items():
            cases[name] = way.run
            few[name] = lambda out, way=way: way.run(
                out, -(-args.batch // way.loader.batch_size))
        compare_cost(cases, few, len(images.ids), work, args)


if __name__ == '__main__':
    main()
