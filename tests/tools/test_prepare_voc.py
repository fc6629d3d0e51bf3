"""tools/prepare_voc.py on a tiny VOC and SBD."""
import importlib.util
import sys

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from mmwsss.datasets import ImageLabels, VOC12SegDataset, WeakVOCDataset
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
    assert 'there already' in capsys.readouterr().out


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
    with pytest.raises(SystemExit, match='none of the lists'):
        run(voc, '--lists', 'nothing')
    (voc / 'Annotations' / 'v1.xml').unlink()
    with pytest.raises(SystemExit, match='v1.xml does not exist'):
        run(voc)
