"""What the activation store saves, and what that costs in seed quality, on real images.

    python benchmarks/activation_store.py CONFIG CHECKPOINT --masks FOLDER
    python benchmarks/activation_store.py configs/recam/cam_effnetlite0_vocmini.py \\
        work_dirs/cam_effnetlite0_vocmini/iter_300.pth \\
        --masks data/voc_mini/VOCdevkit/VOC2012/SegmentationClassAug --images 60

Each image of the config's test set goes through the network once. From the same features come the
published maps (float32 at the size of the image, of the classes present) and those that the store
keeps; both are judged at all 256 thresholds against the masks. Bytes are those of the files; the
published form is counted as its values alone.
"""
import argparse
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')
os.environ.setdefault('MKL_NUM_THREADS', '1')
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np  # noqa: E402
import torch  # noqa: E402
from mmengine.config import DictAction  # noqa: E402
from mmengine.registry import DATASETS, MODELS, init_default_scope  # noqa: E402
from rich.progress import track  # noqa: E402

import mmwsss  # noqa: E402, F401
from benchmarks._measure import ROOT, machine_report, print_table  # noqa: E402
from mmwsss.engine import launch, load_checkpoint_safely  # noqa: E402
from mmwsss.evaluation import ThresholdCurve  # noqa: E402
from mmwsss.labels import ActivationStore  # noqa: E402
from mmwsss.labels.palette_png import decode_labels  # noqa: E402
from mmwsss.models.classifiers.multi_scale_cams import normalize_maps  # noqa: E402

PUBLISHED = 'float32, size of the image'
COARSE = 'float32, stride {stride}'


def parse_args(argv=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config')
    parser.add_argument('checkpoint', nargs='?',
                        help='default: the weights that training would start from')
    parser.add_argument('--masks', type=Path, required=True, help='true masks, <id>.png')
    parser.add_argument('--images', type=int, help='only so many, spread over the test set')
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--threads', type=int, default=1, help='CPU threads of torch')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE')
    return parser.parse_args(argv)


def build(args: argparse.Namespace):
    """Model in test mode and data set, as in the config."""
    cfg = launch.load_config(args.config, str(ROOT), args.cfg_options)
    init_default_scope(cfg.default_scope)
    cfg.test_dataloader.dataset.skip_stored = None
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    if args.checkpoint:
        checkpoint = load_checkpoint_safely(args.checkpoint)
        model.load_state_dict(checkpoint.get('state_dict', checkpoint))
    else:
        model.init_weights()
    return model.to(args.device).eval(), DATASETS.build(cfg.test_dataloader.dataset)


def maps_at(model, inputs: torch.Tensor, strides) -> list:
    """Summed class maps (1, C, h, w) at several strides, from one pass through the network."""
    settings = {key: model.test_cam[key] for key in ('scales', 'flip')}
    real, kept = model._feats_at, {}

    def once(images, scale, flip):
        if scale not in kept:
            kept[scale] = real(images, scale, flip)
        return kept[scale]

    model._feats_at = once
    try:
        return [model.multi_scale_cams(inputs, stride=n, **settings)[0] for n in strides]
    finally:
        del model._feats_at


class Form:
    """One way to keep maps: bytes and quality summed over images."""

    def __init__(self, num_classes: int) -> None:
        self.curve = ThresholdCurve(num_classes)
        self.bytes = 0

    def add(self, maps: torch.Tensor, classes: list, truth: np.ndarray, size: int) -> None:
        self.curve.update(maps.clamp(0, 1).cpu().numpy(), [c + 1 for c in classes], truth)
        self.bytes += size


def full_size(maps: torch.Tensor, stride: int, size) -> torch.Tensor:
    """As ActivationStore.read enlarges them."""
    if not len(maps):
        return maps.new_zeros(0, *size)
    covered = [length * stride for length in maps.shape[1:]]
    maps = torch.nn.functional.interpolate(maps[None], covered, mode='bilinear')
    return maps[0, :, :size[0], :size[1]]


def measure(args: argparse.Namespace, folder: Path) -> tuple:
    """Forms by name, and how many images they are of."""
    model, dataset = build(args)
    names = dataset.metainfo['classes']
    stride = model.test_cam['stride']
    stores = {f'store, stride {stride}, {bits} bits': ActivationStore(
        folder / str(bits), names, stride=stride, bits=bits) for bits in (8, 16)}
    forms = {name: Form(len(names) + 1)
             for name in (PUBLISHED, COARSE.format(stride=stride), *stores)}
    count = min(args.images or len(dataset), len(dataset))
    chosen = [i * len(dataset) // count for i in range(count)]
    judged = 0
    for index in track(chosen, description='images', transient=True):
        add_image(model, dataset[index], args.masks, stores, forms)
        judged += 1
    return forms, judged


@torch.no_grad()
def add_image(model, data: dict, masks: Path, stores: dict, forms: dict) -> None:
    sample = data['data_samples']
    path = masks / f'{sample.image_id}.png'
    if not path.is_file():
        raise ValueError(f'{path}: no true mask; choose a list of images that have one')
    truth = decode_labels(path.read_bytes(), str(path))
    classes = sample.gt_label.tolist()
    inputs = model.data_preprocessor(
        dict(inputs=[data['inputs']], data_samples=[sample]), False)['inputs']
    stride = next(iter(stores.values())).stride
    full, coarse = (maps[0, classes] for maps in maps_at(model, inputs, (1, stride)))
    full, coarse = normalize_maps(full), normalize_maps(coarse, full)  # as CAMClassifier does
    full_bytes, coarse_bytes = (4 * maps.numel() for maps in (full, coarse))
    forms[PUBLISHED].add(full, classes, truth, full_bytes)
    forms[COARSE.format(stride=stride)].add(
        full_size(coarse, stride, truth.shape), classes, truth, coarse_bytes)
    for name, store in stores.items():
        store.write(sample.image_id, coarse, classes, truth.shape)
        size = (store.root / 'maps' / f'{sample.image_id}.png').stat().st_size
        forms[name].add(store.read(sample.image_id)[1], classes, truth, size)


def report(forms: dict, images: int) -> None:
    published = forms[PUBLISHED]
    best = published.curve.best()
    curve = published.curve.curve()['miou']
    rows = []
    for name, form in forms.items():
        own = form.curve.curve()['miou']
        quality = form.curve.quality(form.curve.best())
        rows.append([
            name, f'{form.bytes / images:.0f}', f'{published.bytes / form.bytes:.1f}',
            f'{quality["miou"]:.3f}', f'{own.max() - curve.max():+.3f}',
            f'{own[best] - curve[best]:+.3f}', f'{np.abs(own - curve).max():.3f}',
            f'{form.curve.best() / 255:.3f}'])
    print_table(f'{images} images', [
        'maps', 'bytes an image', 'times fewer', 'seed mIoU', 'difference, each at its best',
        f'at threshold {best / 255:.3f}', 'largest at any threshold', 'best threshold'], rows)


def main(argv=None) -> None:
    args = parse_args(argv)
    torch.set_num_threads(args.threads)
    print(machine_report(args.device))
    with tempfile.TemporaryDirectory() as folder:
        report(*measure(args, Path(folder)))


if __name__ == '__main__':
    main()
