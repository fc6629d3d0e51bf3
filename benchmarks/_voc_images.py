"""A few images in VOC's folders with their image-level labels: real ones, or noise."""
from pathlib import Path
from typing import Optional, Sequence, Tuple

import numpy as np
from PIL import Image

from mmwsss.datasets.classes import VOC_CLASSES
from mmwsss.datasets.image_ids import read_image_ids
from mmwsss.datasets.image_labels import ImageLabels
from mmwsss.datasets.label_sources import from_masks

VOC_SIZES = ((375, 500), (500, 375), (333, 500), (375, 500))  # (H, W), the commonest ones


class VOCImages:
    """Images below ``root``, with ``image_labels.json`` and ``list.txt``.

    Args:
        root: folder that has them in ``JPEGImages``.
        labels: of these images.
        masks: folder of their masks, if there are any.
    """

    def __init__(self, root: Path, labels: ImageLabels, masks: Optional[Path] = None) -> None:
        self.root, self.masks = root, masks
        self.ids = list(labels.images)
        self.classes = {name: labels.indices(name) for name in self.ids}
        labels.save(root / 'image_labels.json')
        (root / 'list.txt').write_text('\n'.join(self.ids) + '\n')

    @classmethod
    def linked(cls, root: Path, data: Path, image_list: str, masks: str,
               count: int) -> 'VOCImages':
        """Links to ``count`` images of a VOC-shaped folder, evenly taken from a list of it; labels
        are what their masks show."""
        data = data.resolve()
        (root / 'JPEGImages').mkdir(parents=True)
        ids = read_image_ids(str(data / image_list))
        ids = [ids[i * len(ids) // count] for i in range(min(count, len(ids)))]
        for name in ids:
            (root / 'JPEGImages' / f'{name}.jpg').symlink_to(data / 'JPEGImages' / f'{name}.jpg')
        return cls(root, from_masks(data / masks, VOC_CLASSES, ids=ids), data / masks)

    @classmethod
    def drawn(cls, root: Path, sizes: Sequence[Tuple[int, int]], count: int) -> 'VOCImages':
        """Smooth noise of these sizes, with 1 or 2 classes an image."""
        (root / 'JPEGImages').mkdir(parents=True)
        rng = np.random.default_rng(0)
        labels = {}
        for number in range(count):
            height, width = sizes[number % len(sizes)]
            coarse = rng.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
            Image.fromarray(coarse).resize((width, height), Image.BICUBIC).save(
                root / 'JPEGImages' / f'{number:06d}.jpg', quality=90)
            labels[f'{number:06d}'] = VOC_CLASSES[number % 19:number % 19 + 1 + number % 2]
        return cls(root, ImageLabels(VOC_CLASSES, labels))

    def path(self, name: str) -> Path:
        """File of an image."""
        return self.root / 'JPEGImages' / f'{name}.jpg'
