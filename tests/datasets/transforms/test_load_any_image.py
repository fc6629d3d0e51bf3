import numpy as np
import pytest
from mmengine.registry import TRANSFORMS
from PIL import Image

from mmwsss.datasets.transforms import read_image


@pytest.fixture
def rgb():
    return np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)


def test_colour_image_comes_as_bgr(tmp_path, rgb):
    Image.fromarray(rgb).save(tmp_path / 'a.png')
    results = TRANSFORMS.build(dict(type='LoadAnyImage'))(dict(img_path=str(tmp_path / 'a.png')))
    np.testing.assert_array_equal(results['img'], rgb[:, :, ::-1])
    assert results['img_shape'] == results['ori_shape'] == (6, 9)


@pytest.mark.parametrize('mode', ['L', '1', 'P', 'RGBA', 'LA'])
def test_other_modes_are_as_pil_converts_them(tmp_path, rgb, mode):
    path = tmp_path / 'a.png'
    Image.fromarray(rgb).convert(mode).save(path)
    with Image.open(path) as image:
        expected = np.asarray(image.convert('RGB'))
    np.testing.assert_array_equal(read_image(str(path)), expected[:, :, ::-1])


def test_cmyk_jpeg(tmp_path):
    Image.new('RGB', (8, 8), (200, 30, 60)).convert('CMYK').save(tmp_path / 'a.jpg', quality=95)
    pixel = read_image(str(tmp_path / 'a.jpg'))[4, 4].astype(int)
    assert np.abs(pixel - [60, 30, 200]).max() < 12


def test_sixteen_bits_are_scaled_not_clipped(tmp_path):
    values = (np.arange(256, dtype=np.uint16) * 257).reshape(16, 16)
    Image.fromarray(values).save(tmp_path / 'a.png')
    image = read_image(str(tmp_path / 'a.png'))
    np.testing.assert_array_equal(image[:, :, 1], np.arange(256).reshape(16, 16))


def test_broken_files_are_named(tmp_path, rgb):
    path = tmp_path / 'a.jpg'
    Image.fromarray(rgb.repeat(20, 0).repeat(20, 1)).save(path)
    whole = path.read_bytes()
    for broken in (b'', b'no image', whole[:len(whole) // 2]):
        path.write_bytes(broken)
        with pytest.raises(ValueError, match='a.jpg cannot be read'):
            read_image(str(path))
    with pytest.raises(FileNotFoundError, match='b.jpg'):
        read_image(str(tmp_path / 'b.jpg'))
    Image.fromarray(np.ones((3, 3), np.float32)).save(tmp_path / 'f.tiff')
    with pytest.raises(ValueError, match='f.tiff.*floating'):
        read_image(str(tmp_path / 'f.tiff'))
