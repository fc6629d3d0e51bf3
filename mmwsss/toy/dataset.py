"""Writing toy scenes to disk in the shape of PASCAL VOC 2012."""
import io
import json
import os
import secrets
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Callable, Dict, List

import numpy as np
from PIL import Image

from mmwsss.datasets.image_labels import ImageLabels
from mmwsss.knowledge.names import VOC_CLASSES
from mmwsss.labels.palette_png import encode_labels

from .objects import TOY_CLASSES
from .scenes import VOID, render_scene

MANIFEST = 'toy_dataset.json'
# Goes up when the same seed gives other pictures.
RECIPE = 1
SPLITS = ('train', 'val')
# Values as in VOC: 0 background, 1 aeroplane, ... 20 tvmonitor.
CLASS_IDS: Dict[str, int] = {name: VOC_CLASSES.index(name) + 1 for name in TOY_CLASSES}


@dataclass(frozen=True)
class ToySpec:
    """What a toy set holds; equal specs give equal bytes.

    Attributes:
        train: training images.
        val: validation images.
        seed: of everything in them. Image k of a split does not depend on how many there are.
        height: of each image, pixels.
        width: of each image, pixels.
        boundary: width of the void line around objects, 0 for none.
    """
    train: int = 240
    val: int = 60
    seed: int = 0
    height: int = 128
    width: int = 128
    boundary: int = 1

    def __post_init__(self):
        if self.train < 1 or self.val < 1:
            raise ValueError(f'a toy set needs at least one image in each split, asked for '
                             f'{self.train} train and {self.val} val')
        if min(self.height, self.width) < 32:
            raise ValueError(f'toy images are at least 32x32, asked for '
                             f'{self.height}x{self.width}')
        if self.seed < 0 or self.boundary < 0:
            raise ValueError(f'seed and boundary must not be negative, got {self.seed} and '
                             f'{self.boundary}')


def write_toy_dataset(out: Path, spec: ToySpec, overwrite: bool = False,
                      progress: Callable[[int], object] = lambda count: None) -> bool:
    """Write the toy set to ``out``, whole or not at all.

    ``out`` gets ``JPEGImages/``, ``SegmentationClass/`` (palette PNGs, values in VOC's 21-class
    numbering, 255 void), ``TellingParts/`` (grey PNGs, 255 where a class's telling part is seen),
    ``ImageSets/Segmentation/{train,val}.txt``, ``image_labels.json`` (see
    :class:`ImageLabels`) and ``toy_dataset.json`` (the spec).

    Args:
        out: the folder; must be absent, empty, or a toy set.
        spec: what to write.
        overwrite: replace a toy set made with another spec.
        progress: called with 1 after each image.

    Returns:
        Whether anything was written: a set with this very spec is left as it is.

    Raises:
        FileExistsError: ``out`` holds something else, or another toy set and not ``overwrite``.
    """
    # Resolved, so that a link to a folder keeps pointing where it does.
    out = Path(out).resolve()
    if not _may_write(out, spec, overwrite):
        return False
    out.parent.mkdir(parents=True, exist_ok=True)
    token = f'{os.getpid()}-{secrets.token_hex(4)}'
    partial, old = (out.with_name(f'.{out.name}.{kind}-{token}') for kind in ('partial', 'old'))
    try:
        _write(partial, spec, progress)
        if out.exists():
            os.rename(out, old)
        os.rename(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
    return True


def _manifest(spec: ToySpec) -> dict:
    return dict(kind='mmwsss toy data set', recipe=RECIPE, spec=asdict(spec),
                classes=CLASS_IDS, void=VOID)


def _may_write(out: Path, spec: ToySpec, overwrite: bool) -> bool:
    """False where the wanted set is there already."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return True
    manifest = out / MANIFEST
    if not manifest.is_file():
        raise FileExistsError(f'{out} exists and is not a toy set (no {MANIFEST}): '
                              'give another folder, or remove it yourself')
    found = json.loads(manifest.read_text(encoding='utf-8'))
    if found == _manifest(spec):
        return False
    if not overwrite:
        raise FileExistsError(f'{out} holds a toy set made with {found.get("spec")}: '
                              'give another folder, or --overwrite to replace it')
    return True


def _write(folder: Path, spec: ToySpec, progress: Callable[[int], object]) -> None:
    for name in ('JPEGImages', 'SegmentationClass', 'TellingParts', 'ImageSets/Segmentation'):
        (folder / name).mkdir(parents=True)
    image_labels: Dict[str, List[str]] = {}
    for split_number, split in enumerate(SPLITS):
        ids = [f'toy_{split}_{k:05d}' for k in range(getattr(spec, split))]
        for k, image_id in enumerate(ids):
            rng = np.random.default_rng([spec.seed, split_number, k])
            image_labels[image_id] = _write_image(folder, image_id, rng, spec)
            progress(1)
        listing = folder / 'ImageSets' / 'Segmentation' / f'{split}.txt'
        listing.write_text(''.join(f'{image_id}\n' for image_id in ids), encoding='utf-8')
    ImageLabels(tuple(CLASS_IDS), image_labels).save(folder / 'image_labels.json')
    _write_json(folder / MANIFEST, _manifest(spec))


def _write_image(folder: Path, image_id: str, rng: np.random.Generator,
                 spec: ToySpec) -> List[str]:
    """Write one image with its masks; returns the classes in it."""
    picture, labels, telling = render_scene(rng, (spec.height, spec.width), CLASS_IDS,
                                            spec.boundary)
    jpeg = io.BytesIO()
    Image.fromarray(picture).save(jpeg, format='JPEG', quality=92)
    (folder / 'JPEGImages' / f'{image_id}.jpg').write_bytes(jpeg.getvalue())
    (folder / 'SegmentationClass' / f'{image_id}.png').write_bytes(encode_labels(labels))
    Image.fromarray(telling.astype(np.uint8) * 255).save(
        folder / 'TellingParts' / f'{image_id}.png')
    return [name for name, value in CLASS_IDS.items() if (labels == value).any()]


def _write_json(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, indent=1, sort_keys=True) + '\n', encoding='utf-8')
