"""Images with an EXIF orientation: every stage has to see the same pixels, those as stored."""
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import TRANSFORMS, init_default_scope
from PIL import Image

import mmwsss  # noqa: F401
from mmwsss.datasets.transforms import read_image
from mmwsss.engine.inference import LOADERS
from tests.paths import ROOT

DATASETS = sorted((ROOT / 'configs/_base_/datasets').glob('*.py'))


def image_loaders(part) -> list:
    """All transforms of a config that read images."""
    if isinstance(part, (list, tuple)):
        return [step for value in part for step in image_loaders(value)]
    if not isinstance(part, dict):
        return []
    if part.get('type') in LOADERS:
        return [part]
    return image_loaders(list(part.values()))


@pytest.mark.parametrize('path', DATASETS, ids=lambda path: path.stem)
@pytest.mark.parametrize('orientation', [3, 6])
def test_no_loader_applies_the_orientation(path, orientation, tmp_path):
    init_default_scope('mmseg')
    rows, columns = np.mgrid[:24, :32]
    pixels = np.stack([rows * 8, columns * 6, rows + columns], axis=2).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = tmp_path / 'lying.jpg'
    Image.fromarray(pixels).save(picture, exif=exif, quality=95)
    stored = read_image(str(picture)).astype(int)
    assert np.abs(stored - pixels[:, :, ::-1]).max() < 40  # neither turned nor mirrored
    for step in image_loaders(Config.fromfile(path).to_dict()):
        loaded = TRANSFORMS.build(dict(step)).transform(dict(img_path=str(picture)))['img']
        assert loaded.shape == stored.shape, step
        assert np.abs(loaded - stored).max() <= 4, step  # decoders differ a little
