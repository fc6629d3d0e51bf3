r"""Draw what the patches of a group of images see in each other, as one PNG.

    python tools/draw_patch_graph.py CONFIG CHECKPOINT --class cat --out group.png
    python tools/draw_patch_graph.py CONFIG CHECKPOINT --images 2008_000345 2008_000464 \
        2008_000676 --class cat --out group.png

A column an image: its patches with the strongest edges to patches of other images (above), the
map of the class without the graph (middle) and with it (below). Edges are the attention weights,
averaged over heads; lines are as opaque as their weight is of the strongest.
"""
import argparse
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if (ROOT / 'mmwsss').is_dir():
    sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402


def parse_args(argv=None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='a config of PGNNHead with a graph')
    parser.add_argument('checkpoint')
    parser.add_argument('--class', dest='name', required=True, help='name of the class')
    parser.add_argument('--images', nargs='+', help='ids; default: the first of that class')
    parser.add_argument('--out', type=Path, required=True, help='PNG to write')
    parser.add_argument('--size', type=int, default=256, help='longer side, padded to a square')
    parser.add_argument('--edges', type=int, default=12, help='how many to draw')
    return parser.parse_args(argv)


def load(args: argparse.Namespace):
    """Model in evaluation mode, and the data set of the test loader without pipeline."""
    from mmengine.registry import DATASETS, MODELS, init_default_scope
    from mmengine.runner import load_state_dict

    import mmwsss  # noqa: F401
    from mmwsss.engine import launch, load_checkpoint_safely
    cfg = launch.load_config(args.config, str(ROOT))
    init_default_scope(cfg.default_scope)
    for part in (cfg.model.backbone, cfg.model.head):
        part.pop('init_cfg', None)
    model = MODELS.build(cfg.model).eval()
    checkpoint = load_checkpoint_safely(args.checkpoint)
    load_state_dict(model, checkpoint.get('state_dict', checkpoint), strict=True)
    if getattr(model.head, 'graph', None) is None or model.head.max_boxes is not None:
        raise ValueError(f'{args.config} has no patch graph on a grid: there are no edges to draw')
    dataset = cfg.test_dataloader.dataset
    dataset.update(pipeline=[], skip_stored=None)
    return model, DATASETS.build(dataset)


def choose(dataset, name: str, ids, count: int) -> tuple[int, list[dict]]:
    """The class's index, and the entries of the images of the group.

    Raises:
        ValueError: an unknown class or image, or too few images of the class.
    """
    classes = dataset.metainfo['classes']
    if name not in classes:
        raise ValueError(f'{name!r} is no class of the data set: {", ".join(classes)}')
    label = classes.index(name)
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    if ids:
        known = {info['image_id']: info for info in infos}
        lacking = [image_id for image_id in ids if image_id not in known]
        if lacking:
            raise ValueError(f'{lacking[0]!r} is not in the test list of the config')
        return label, [known[image_id] for image_id in ids]
    found = [info for info in infos if label in info['gt_label']][:count]
    if len(found) < 2:
        raise ValueError(f'{len(found)} images of {name!r} in the test list: at least 2 are '
                         'needed; name some with --images')
    return label, found


def square(path: str, size: int) -> np.ndarray:
    """Image with ``size`` as its longer side, in the middle of a square: (S, S, 3) RGB."""
    from PIL import Image

    from mmwsss.datasets.transforms import read_image
    image = Image.fromarray(np.ascontiguousarray(read_image(path)[..., ::-1]))
    factor = size / max(image.size)
    image = image.resize([max(1, round(length * factor)) for length in image.size],
                         Image.Resampling.BILINEAR)
    canvas = Image.new('RGB', (size, size), (127, 127, 127))
    canvas.paste(image, ((size - image.width) // 2, (size - image.height) // 2))
    return np.array(canvas)


@torch.no_grad()
def look(model, images: list[np.ndarray], label: int):
    """Edges (N M, N M), and maps (N, S, S) in 0 to 1 of the class without and with the graph."""
    from mmwsss.models.layers import patch_labels
    inputs = [torch.from_numpy(image[..., ::-1].transpose(2, 0, 1).copy()) for image in images]
    batch = model.data_preprocessor(dict(inputs=inputs), False)['inputs']
    head, graph = model.head, model.head.graph
    x = head.last_map(model.extract_feat(batch))
    masks = head.patches_of(x).masks
    labels = patch_labels(graph.class_embedding, masks, [label] * len(x))
    nodes, valid = graph.nodes(graph.embed(x).relu(), masks)
    _, edges = graph.reason(graph.add_classes(nodes, labels), valid, len(x), return_edges=True)
    maps = []
    for features in (x, graph(x, masks, len(x), labels)):
        cam = head.classifier(features)[:, label:label + 1].relu()
        cam = F.interpolate(cam, batch.shape[-2:], mode='bilinear')[:, 0]
        maps.append((cam / cam.amax(dim=(1, 2), keepdim=True).clamp(min=1e-5)).numpy())
    return edges[0].mean(dim=0).numpy(), maps


def strongest(edges: np.ndarray, patches: int, count: int) -> list[tuple[int, int, float]]:
    """The ``count`` largest weights (from, to, weight) between patches of different images."""
    image = np.arange(len(edges)) // patches
    across = np.where(image[:, None] != image, edges, 0)
    order = np.argsort(-across, axis=None, kind='stable')[:count]
    pairs = zip(*np.unravel_index(order, across.shape))
    return [(int(a), int(b), float(across[a, b])) for a, b in pairs if across[a, b] > 0]


def draw(images, edges, maps, side: int, count: int, out: Path) -> None:
    """Write the picture."""
    import matplotlib
    matplotlib.use('Agg')
    from matplotlib import pyplot

    from mmwsss.atomic_files import replacing
    size, number = images[0].shape[0], len(images)
    figure, axes = pyplot.subplots(3, number, figsize=(2.6 * number, 7.8), squeeze=False)
    for column, image in enumerate(images):
        for row, values in enumerate((None, *maps)):
            axes[row, column].imshow(image)
            if values is not None:
                axes[row, column].imshow(values[column], cmap='jet', alpha=0.5, vmin=0, vmax=1)
            axes[row, column].set_axis_off()
        for line in range(1, side):
            axes[0, column].axhline(line * size / side, color='white', linewidth=0.5)
            axes[0, column].axvline(line * size / side, color='white', linewidth=0.5)
    for row, title in enumerate(('strongest edges', 'without the graph', 'with the graph')):
        axes[row, 0].set_title(title, loc='left', fontsize=9)
    figure.tight_layout()
    found = strongest(edges, side * side, count)
    for first, second, weight in found:
        places = [_place(axes[0], patch, side, size) for patch in (first, second)]
        points = [figure.transFigure.inverted().transform(axis.transData.transform(xy))
                  for axis, xy in places]
        figure.add_artist(matplotlib.lines.Line2D(
            *zip(*points), color='yellow', alpha=weight / found[0][2], linewidth=1.5))
    out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(out) as draft:
        figure.savefig(draft, dpi=110, format='png')
    pyplot.close(figure)


def _place(axes, patch: int, side: int, size: int):
    image, within = divmod(patch, side * side)
    row, column = divmod(within, side)
    return axes[image], ((column + 0.5) * size / side, (row + 0.5) * size / side)


def main(argv=None) -> int:
    """Run; 2 and one line for bad input."""
    args = parse_args(argv)
    try:
        model, dataset = load(args)
        label, infos = choose(dataset, args.name, args.images, model.head.group_size)
        images = [square(info['img_path'], args.size) for info in infos]
    except (OSError, ValueError, RuntimeError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    edges, maps = look(model, images, label)
    draw(images, edges, maps, model.head.patches, args.edges, args.out)
    print(f'{os.fspath(args.out)}: {", ".join(info["image_id"] for info in infos)}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
