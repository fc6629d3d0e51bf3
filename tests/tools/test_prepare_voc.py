"""tools/prepare_voc.py on a tiny VOC and SBD."""
import importlib.util
import sys

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from mmwsss.datasets import ImageLabels, VOC12SegDataset, WeakVOCDataset
from mmwsss.datasets.classes import VOC_CLASSES
from tests.paths import ROOT

_spec = importlib.util.spec_from_file_location('prepare_voc', ROOT / 'tools' / 'prepare_voc.py')
tool = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = tool  # workers look its functions up by name
_spec.loader.exec_module(tool)

VOC = {'v1': 'person', 'v2': 'cat'}
SBD = {'s1': 'dog', 'v1': 'dog', 'v3': 'cow', 's2': 'sheep'}
VAL = {'v3': 'cow'}


@pytest.fixture
def root(tmp_path):
    voc, sbd = tmp_path / 'VOC2012', tmp_path / 'sbd'
    for folder in ('Annotations', 'ImageSets/Segmentation', 'JPEGImages', 'SegmentationClass'):
        (voc / folder).mkdir(parents=True)
    (sbd / 'cls').mkdir(parents=True)
    for name, label in {**SBD, **VOC, **VAL}.items():
        (voc / 'Annotations' / f'{name}.xml').write_text(
            f'<annotation><object><name>{label}</name></object></annotation>')
        Image.new('RGB', (6, 4)).save(voc / 'JPEGImages' / f'{name}.jpg')
    for name in (*VOC, *VAL):
        mask = Image.fromarray(np.full((4, 6), 7, np.uint8))
        mask.save(voc / 'SegmentationClass' / f'{name}.png')
    for name in SBD:
        savemat(sbd / 'cls' / f'{name}.mat',
                {'GTcls': {'Segmentation': np.full((4, 6), 12, np.uint8), 'Boundaries': 0}})
    lists = voc / 'ImageSets' / 'Segmentation'
    (lists / 'train.txt').write_text('v1\nv2\n')
    (lists / 'val.txt').write_text('v3\n')
    (sbd / 'train.txt').write_text('s1\nv3\n')
    (sbd / 'val.txt').write_text('s2\nv1\n')
    return voc, sbd


def run(voc, *args, workers=0):
    tool.main([str(voc), *map(str, args), '--workers', str(workers)])


@pytest.mark.parametrize('workers', [0, 2])
def test_with_sbd(root, workers):
    voc, sbd = root
    run(voc, '--sbd', sbd, workers=workers)
    train_aug = (voc / 'ImageSets' / 'Segmentation' / 'train_aug.txt').read_text().split()
    assert train_aug == ['s1', 's2', 'v1', 'v2']  # without v3, which is in VOC's val
    values = {path.stem: np.unique(np.array(Image.open(path))).tolist()
              for path in (voc / 'SegmentationClassAug').glob('*.png')}
    assert values == dict(s1=[12], s2=[12], v1=[7], v2=[7], v3=[7])
    labels = ImageLabels.load(voc / 'image_labels.json')
    assert labels.images['s2'] == ('sheep', ) and labels.images['v1'] == ('person', )
    data = dict(data_root=str(voc), ann_file='ImageSets/Segmentation/train_aug.txt')
    assert len(WeakVOCDataset(**data)) == 4
    assert len(VOC12SegDataset(
        **data, data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClassAug'))) == 4


def test_run_again_keeps_what_is_there(root, capsys):
    voc, sbd = root
    run(voc, '--sbd', sbd)
    mask = voc / 'SegmentationClassAug' / 's1.png'
    (voc / 'SegmentationClassAug' / 's2.png').unlink()
    before = mask.stat().st_mtime_ns
    run(voc, '--sbd', sbd)
    assert '1 masks written, 4 there' in capsys.readouterr().out
    assert mask.stat().st_mtime_ns == before
    run(voc, '--sbd', sbd, '--overwrite')
    assert mask.stat().st_mtime_ns > before


def test_labels_only(root, capsys):
    voc, _ = root
    run(voc)
    assert set(ImageLabels.load(voc / 'image_labels.json').images) == {'v1', 'v2', 'v3'}
    assert not (voc / 'SegmentationClassAug').exists()
    run(voc)
    assert 'all 3 images of train, val are there already (--overwrite' in capsys.readouterr().out


def test_images_without_labels_are_added(root, capsys):
    voc, _ = root
    path = voc / 'image_labels.json'
    run(voc, '--lists', 'train')
    ImageLabels(('cat', 'sheep'), {'v1': ['sheep'], 'mine': ['cat']}).save(path)
    run(voc, '--lists', 'train', 'val')
    assert '3 images of train, val (2 added to 2 there' in capsys.readouterr().out
    labels = ImageLabels.load(path)
    assert labels.images == dict(v1=('sheep', ), mine=('cat', ), v2=('cat', ), v3=('cow', ))
    assert labels.classes == VOC_CLASSES
    run(voc, '--overwrite')
    assert ImageLabels.load(path).images['v1'] == ('person', )
    ImageLabels(('fox', ), {'v1': ['fox']}).save(path)
    with pytest.raises(SystemExit, match="lacks 2 images of train, val and has a class 'fox'"):
        run(voc)
    path.write_text('{')
    with pytest.raises(SystemExit, match='image_labels.json: .*--overwrite makes it again'):
        run(voc)
    assert path.read_text() == '{'


def test_own_list_and_labels_are_left_alone_with_sbd(root, capsys):
    voc, sbd = root
    mine = voc / 'ImageSets' / 'Segmentation' / 'train_aug.txt'
    mine.write_text('s1\n')
    labels = ImageLabels(VOC_CLASSES, {i: ['bird'] for i in ('s1', 'v1', 'v2', 'v3')})
    labels.save(voc / 'image_labels.json')
    run(voc, '--sbd', sbd)
    assert mine.read_text() == 's1\n'
    assert ImageLabels.load(voc / 'image_labels.json') == labels
    printed = capsys.readouterr().out
    assert 'train_aug.txt: 1 images, there already (--overwrite makes it again)' in printed
    assert 'all 4 images of train, val, train_aug are there already' in printed
    run(voc, '--sbd', sbd, '--overwrite')
    assert mine.read_text().split() == ['s1', 's2', 'v1', 'v2']
    assert ImageLabels.load(voc / 'image_labels.json').images['s2'] == ('sheep', )


def test_unknown_lists_are_named(root):
    voc, sbd = root
    with pytest.raises(SystemExit, match='has no list vall; there are: train, val$'):
        run(voc, '--lists', 'train', 'vall')
    with pytest.raises(SystemExit, match='has no list train_aug'):
        run(voc, '--lists', 'train_aug')
    assert not (voc / 'image_labels.json').exists()
    run(voc, '--sbd', sbd, '--lists', 'train_aug')  # which it makes itself
    assert len(ImageLabels.load(voc / 'image_labels.json').images) == 4


def damaged(content):
    """What a copy that ended early, another program or a failing disc leave of a file."""
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 255
    return dict(empty=b'', header=content[:128], half=content[:len(content) // 2],
                text=b'Not Found', flipped=bytes(flipped))


@pytest.mark.parametrize('kind', ['empty', 'header', 'half', 'text', 'flipped'])
def test_damaged_masks_are_named(root, kind):
    voc, sbd = root
    path = sbd / 'cls' / 's1.mat'
    values = np.random.default_rng(0).integers(0, 20, (50, 50)).astype(np.uint8)
    savemat(path, {'GTcls': {'Segmentation': values}}, do_compression=True)
    path.write_bytes(damaged(path.read_bytes())[kind])
    with pytest.raises(SystemExit, match=r's1.mat is no mask of SBD \(.*: unpack SBD again'):
        run(voc, '--sbd', sbd)
    assert not (voc / 'SegmentationClassAug' / 's1.png').exists()


@pytest.mark.parametrize('values, message', [
    (np.full((4, 6), 21, np.uint8), 's1.mat holds 21 in 24 pixels'),
    (np.full((4, 6), 0.5), 'float64'), (np.zeros((2, 2, 3), np.uint8), r'\(2, 2, 3\)')])
def test_other_arrays_are_no_masks(root, values, message):
    voc, sbd = root
    savemat(sbd / 'cls' / 's1.mat', {'GTcls': {'Segmentation': values}})
    with pytest.raises(SystemExit, match=message):
        run(voc, '--sbd', sbd)


def test_errors(root, tmp_path):
    voc, sbd = root
    with pytest.raises(SystemExit, match='give the folder VOC2012'):
        run(tmp_path)
    (sbd / 'cls' / 's2.mat').unlink()
    with pytest.raises(SystemExit, match='s2 has neither'):
        run(voc, '--sbd', sbd)
    savemat(sbd / 'cls' / 's2.mat', {'other': 1})
    with pytest.raises(SystemExit, match='s2.mat is no mask of SBD'):
        run(voc, '--sbd', sbd)
    (voc / 'Annotations' / 'v1.xml').unlink()
    with pytest.raises(SystemExit, match='v1.xml does not exist'):
        run(voc)
