"""The two segmentation data sets: checks at construction, samples, real files."""
import numpy as np
import pytest
from mmengine.registry import DATASETS, init_default_scope
from PIL import Image

from mmwsss.datasets import COCO14SegDataset, VOC12SegDataset
from mmwsss.datasets.samplers import StreamIndex
from mmwsss.labels import LabelStore

H, W = 20, 30
IDS = ['2007_000001', '2007_000002', 'sub/2007_000003']
LOAD = [dict(type='LoadImageFromFile'), dict(type='LoadSegLabels')]


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmseg')


@pytest.fixture
def voc(tmp_path):
    """A VOC-shaped folder of three images."""
    rng = np.random.RandomState(0)
    (tmp_path / 'train.txt').write_text('\n'.join(IDS))
    for name in IDS:
        for folder, suffix in (('JPEGImages', '.jpg'), ('labels', '.png')):
            path = tmp_path / folder / (name + suffix)
            path.parent.mkdir(parents=True, exist_ok=True)
            shape = (H, W, 3) if suffix == '.jpg' else (H, W)
            Image.fromarray(rng.randint(0, 21, shape, np.uint8)).save(path)
    return tmp_path


def build(root, cls=VOC12SegDataset, **kwargs):
    prefix = dict(img_path='JPEGImages', seg_map_path='labels')
    prefix.update(kwargs.pop('data_prefix', {}))
    return cls(**dict(
        dict(data_root=str(root), ann_file='train.txt', data_prefix=prefix, pipeline=LOAD),
        **kwargs))


def test_samples_hold_image_and_labels(voc):
    data = build(voc)
    assert len(data) == 3
    assert data.metainfo['classes'][15] == 'person'
    sample = data[2]
    assert sample['img'].shape == (H, W, 3)
    expected = np.array(Image.open(voc / 'labels' / 'sub' / '2007_000003.png'))
    np.testing.assert_array_equal(sample['gt_seg_map'], expected)


def test_all_images_of_the_folder_without_a_list(voc):
    assert len(build(voc, ann_file='')) == 3


def test_built_from_the_root_registry_in_mmseg_s_scope(voc):
    for name in ('VOC12SegDataset', 'COCO14SegDataset'):
        data = DATASETS.build(dict(
            type=name, data_root=str(voc), ann_file='train.txt',
            data_prefix=dict(img_path='JPEGImages', seg_map_path='labels')))
        assert type(data).__name__ == name


def test_test_mode_needs_no_labels(voc):
    data = build(voc, data_prefix=dict(seg_map_path=None), test_mode=True, pipeline=LOAD[:1])
    assert 'seg_map_path' not in data[0]


def test_subset_of_the_classes_maps_the_others_to_ignore(voc):
    data = build(voc, metainfo=dict(classes=('background', 'person', 'cat')))
    raw = np.array(Image.open(voc / 'labels' / f'{IDS[0]}.png'))
    expected = np.select([raw == 0, raw == 15, raw == 8], [0, 1, 2], 255)
    np.testing.assert_array_equal(data[0]['gt_seg_map'], expected)


@pytest.mark.parametrize('change, error, parts', [
    (dict(data_root='/no/such/root'), FileNotFoundError, ['data_root', '/no/such/root']),
    (dict(ann_file='gone.txt'), FileNotFoundError, ['gone.txt', 'ann_file']),
    (dict(data_prefix=dict(img_path='gone')), FileNotFoundError, ['image folder', 'img_path']),
    (dict(data_prefix=dict(seg_map_path='gone')), FileNotFoundError,
     ['label folder', 'gone', 'seg_map_path']),
    (dict(data_prefix=dict(seg_map_path=None)), ValueError, ['seg_map_path', 'pseudo']),
    (dict(data_prefix=dict(seg_map_path='')), ValueError, ['seg_map_path']),
    (dict(img_suffix='.png'), FileNotFoundError, ['3 of the 3', 'no image file', IDS[0]]),
    (dict(ann_file='', img_suffix='.gif'), FileNotFoundError, ['no .gif image', 'img_suffix']),
    (dict(seg_map_suffix='_x.png'), FileNotFoundError, ['3 of the 3', 'no label file']),
])
def test_missing_things_are_named(voc, change, error, parts):
    with pytest.raises(error) as e:
        build(voc, **change)
    for part in parts:
        assert part in str(e.value)


def test_one_image_without_label_is_counted_and_named(voc):
    (voc / 'labels' / f'{IDS[1]}.png').unlink()
    with pytest.raises(FileNotFoundError, match=rf'1 of the 3 .*no label file: .*{IDS[1]}\.png'):
        build(voc)
    data = build(voc, check_files=False)
    with pytest.raises(FileNotFoundError, match=IDS[1]):
        data[1]


def test_unsafe_id_in_the_list(voc):
    (voc / 'train.txt').write_text('../../etc/passwd\n')
    with pytest.raises(ValueError, match='train.txt, line 1'):
        build(voc)


def test_random_transforms_follow_the_position_not_the_history(voc):
    pipeline = LOAD + [dict(type='RandomCrop', crop_size=(7, 7)),
                       dict(type='RandomFlip', prob=0.5), dict(type='PhotoMetricDistortion')]
    data = build(voc, pipeline=pipeline)
    first = data[StreamIndex(1, position=8, seed=0)]['img']
    data[0], data[2]
    np.testing.assert_array_equal(data[StreamIndex(1, position=8, seed=0)]['img'], first)
    others = [data[StreamIndex(1, position=p, seed=0)]['img'] for p in range(4)]
    assert any(not np.array_equal(o, first) for o in others)


def test_labels_keep_their_size_after_a_resize_of_the_image(voc):
    resize = dict(type='Resize', scale_factor=2., keep_ratio=True)
    sample = build(voc, pipeline=[LOAD[0], resize, LOAD[1]])[0]
    assert sample['img'].shape == (2 * H, 2 * W, 3) and sample['gt_seg_map'].shape == (H, W)


def write_image(voc, image, **kwargs):
    image.save(voc / 'JPEGImages' / f'{IDS[0]}.jpg', **kwargs)


@pytest.mark.parametrize('mode', ['L', 'CMYK'])
def test_grey_and_cmyk_images_become_three_channels(voc, mode):
    write_image(voc, Image.new('RGB', (W, H), (200, 40, 40)).convert(mode))
    img = build(voc)[0]['img']
    assert img.shape == (H, W, 3) and img.dtype == np.uint8


@pytest.mark.parametrize('mode', ['I;16', 'RGBA', 'P', 'LA'])
def test_png_images_of_other_modes_become_eight_bit_bgr(voc, mode):
    for name in IDS:
        path = voc / 'JPEGImages' / f'{name}.png'
        if mode == 'I;16':
            Image.fromarray(np.full((H, W), 30000, np.uint16)).save(path)
        else:
            Image.new('RGB', (W, H), (10, 20, 30)).convert(mode).save(path)
    img = build(voc, img_suffix='.png')[0]['img']
    assert img.shape == (H, W, 3) and img.dtype == np.uint8
    if mode == 'I;16':
        assert abs(int(img[0, 0, 0]) - 30000 // 257) <= 1


@pytest.mark.parametrize('content', [b'', b'<html>', b'\xff\xd8\xff\xe0'])
def test_unreadable_image_is_named(voc, content):
    (voc / 'JPEGImages' / f'{IDS[0]}.jpg').write_bytes(content)
    with pytest.raises(Exception, match=IDS[0]):
        build(voc)[0]


def test_exif_orientation_that_turns_the_image_is_explained(voc):
    exif = Image.Exif()
    exif[0x0112] = 6
    write_image(voc, Image.new('RGB', (W, H)), exif=exif)
    with pytest.raises(ValueError, match='color_ignore_orientation'):
        build(voc)[0]
    load = [dict(type='LoadImageFromFile', color_type='color_ignore_orientation'), LOAD[1]]
    assert build(voc, pipeline=load)[0]['img'].shape == (H, W, 3)


def test_coco_label_names_by_bare_number(tmp_path):
    (tmp_path / 'i').mkdir(), (tmp_path / 'l').mkdir()
    name = 'COCO_train2014_000000000009'
    Image.new('RGB', (W, H)).save(tmp_path / 'i' / f'{name}.jpg')
    Image.new('L', (W, H), 80).save(tmp_path / 'l' / '9.png')
    kwargs = dict(data_root=str(tmp_path), pipeline=LOAD,
                  data_prefix=dict(img_path='i', seg_map_path='l'))
    data = COCO14SegDataset(label_names='number', **kwargs)
    assert (data[0]['gt_seg_map'] == 80).all()
    with pytest.raises(FileNotFoundError, match=name):
        COCO14SegDataset(**kwargs)
    with pytest.raises(ValueError, match='label_names'):
        COCO14SegDataset(label_names='id', **kwargs)


@pytest.mark.parametrize('split, size', [('train_aug', 1786), ('train', 438), ('val', 232)])
def test_real_voc_images(shared_data, split, size):
    data = VOC12SegDataset(
        data_root=str(shared_data / 'voc_mini/VOCdevkit/VOC2012'),
        ann_file=f'ImageSets/Segmentation/{split}.txt',
        data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClassAug'),
        pipeline=LOAD)
    assert len(data) == size
    for i in range(0, size, size // 8):
        assert data[i]['img'].shape[:2] == data[i]['gt_seg_map'].shape


def test_real_coco_images(shared_data):
    data = COCO14SegDataset(
        data_root=str(shared_data / 'coco_mini'), pipeline=LOAD,
        data_prefix=dict(img_path='images', seg_map_path='masks80'))
    assert len(data) == 100
    seen = set()
    for i in range(0, 100, 4):
        seen |= set(np.unique(data[i]['gt_seg_map']).tolist())
    assert seen <= set(range(81)) | {255} and len(seen) > 20


def test_labels_from_the_current_version_of_a_label_store(voc):
    store = LabelStore(voc / 'store', num_classes=21)
    for value in (3, 7):
        version = store.next_version
        for name in IDS:
            store.write(version, name, np.full((H, W), value, np.uint8))
        store.commit(version, IDS)
    data = build(voc, data_prefix=dict(seg_map_path='store'))
    assert (data[2]['gt_seg_map'] == 7).all()
    store.rollback()
    assert (build(voc, data_prefix=dict(seg_map_path='store'))[0]['gt_seg_map'] == 3).all()


def test_an_empty_label_store_is_no_label_folder(voc):
    LabelStore(voc / 'store', num_classes=21)
    with pytest.raises(ValueError, match='nothing committed yet'):
        build(voc, data_prefix=dict(seg_map_path='store'))
