"""Label files: read as written, and every defect named."""
import numpy as np
import pytest
from mmengine.registry import TRANSFORMS
from PIL import Image

from mmwsss.datasets import LoadSegLabels
from mmwsss.datasets.palette import voc_palette
from mmwsss.datasets.transforms import read_label

H, W, C = 6, 9, 21


def labels():
    values = np.arange(H * W).reshape(H, W) % C
    values[0, 0] = 255
    return values.astype(np.uint8)


def save(path, values, palette=False, mode=None):
    image = Image.fromarray(values, mode=mode) if mode else Image.fromarray(values)
    if palette:
        image = image.convert('L')
        image.putpalette(sum(voc_palette(256), []))
    image.save(path)
    return str(path)


def load(path, num_classes=C, **results):
    results = dict(
        dict(ori_shape=(H, W), img_path='a.jpg', seg_map_path=str(path), seg_fields=[],
             num_classes=num_classes), **results)
    return LoadSegLabels()(results)


def test_without_a_label_path():
    """A data set must give one; an image of mmseg.apis comes from no data set."""
    with pytest.raises(ValueError, match='a.jpg has no label path.*seg_map_path'):
        LoadSegLabels()(dict(img_path='a.jpg', seg_fields=[]))
    alone = dict(img_path='a.jpg', img=None)
    assert LoadSegLabels()(dict(alone)) == alone


@pytest.mark.parametrize('palette', [True, False])
def test_palette_and_grey_png_read_the_same(tmp_path, palette):
    results = load(save(tmp_path / 'a.png', labels(), palette))
    assert results['seg_fields'] == ['gt_seg_map']
    assert results['gt_seg_map'].dtype == np.uint8
    np.testing.assert_array_equal(results['gt_seg_map'], labels())


def test_sixteen_bit_and_one_bit_files(tmp_path):
    path = save(tmp_path / 'a.png', labels().astype(np.uint16))
    np.testing.assert_array_equal(load(path)['gt_seg_map'], labels())
    binary = (labels() % 2).astype(bool)
    Image.fromarray(binary).save(tmp_path / 'b.png')
    np.testing.assert_array_equal(load(tmp_path / 'b.png')['gt_seg_map'], binary)


def test_equals_mmseg_s_loader_with_label_map_and_reduce_zero_label(tmp_path):
    import mmseg.datasets.transforms  # noqa: F401
    path = save(tmp_path / 'a.png', labels(), palette=True)
    theirs = TRANSFORMS.build(dict(type='mmseg.LoadAnnotations'))
    for extra in (dict(label_map={0: 1, 1: 0, 5: 255}, reduce_zero_label=False),
                  dict(label_map=None, reduce_zero_label=True)):
        expected = theirs(dict(seg_map_path=path, seg_fields=[], **extra))['gt_seg_map']
        theirs = TRANSFORMS.build(dict(type='mmseg.LoadAnnotations'))
        np.testing.assert_array_equal(load(path, **extra)['gt_seg_map'], expected)


@pytest.mark.parametrize('value', [21, 254])
def test_value_outside_the_classes_names_file_and_value(tmp_path, value):
    values = labels()
    values[1, 2] = value
    path = save(tmp_path / 'bad.png', values)
    with pytest.raises(ValueError, match=rf'bad\.png holds {value} in 1 pixels.*0\.\.20'):
        load(path)
    with pytest.raises(ValueError, match='bad.png'):
        LoadSegLabels(num_classes=21)(dict(seg_map_path=path))
    assert LoadSegLabels()(dict(seg_map_path=path))['gt_seg_map'][1, 2] == value


def test_value_above_255_in_a_16_bit_file_does_not_wrap_around(tmp_path):
    values = labels().astype(np.uint16)
    values[2, 2] = 256
    with pytest.raises(ValueError, match='holds 256 in 1 pixels'):
        load(save(tmp_path / 'a.png', values))


def test_colour_label_is_refused(tmp_path):
    path = save(tmp_path / 'rgb.png', np.zeros((H, W, 3), np.uint8))
    with pytest.raises(ValueError, match=r'rgb\.png has mode RGB'):
        load(path)


@pytest.mark.parametrize('cut', [0, 20, 60])
def test_cut_file_is_named(tmp_path, cut):
    path = save(tmp_path / 'cut.png', np.random.RandomState(0).randint(0, C, (H, W), np.uint8))
    data = open(path, 'rb').read()
    open(path, 'wb').write(data[:cut])
    with pytest.raises(ValueError, match=r'cut\.png cannot be read'):
        load(path)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match='gone.png'):
        load(tmp_path / 'gone.png')


def test_size_must_be_the_image_s(tmp_path):
    path = save(tmp_path / 'a.png', labels())
    with pytest.raises(ValueError, match=r'a\.png is 9x6 pixels, its image a\.jpg 4x5'):
        load(path, ori_shape=(5, 4))
    with pytest.raises(ValueError, match='color_ignore_orientation'):
        load(path, ori_shape=(W, H))


@pytest.mark.parametrize('bad', [0, 256])
def test_num_classes_is_checked(bad):
    with pytest.raises(ValueError, match=str(bad)):
        LoadSegLabels(num_classes=bad)


def test_read_label_does_not_follow_colours_of_the_palette(tmp_path):
    image = Image.fromarray(labels()).convert('L')
    image.putpalette([7] * 768)
    image.save(tmp_path / 'a.png')
    np.testing.assert_array_equal(read_label(str(tmp_path / 'a.png')), labels())
