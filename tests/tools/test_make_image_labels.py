"""tools/make_image_labels.py, and the readers behind it."""
import importlib.util
import json
import pickle

import numpy as np
import pytest
from PIL import Image

from mmwsss.datasets import ImageLabels
from mmwsss.datasets.classes import VOC_CLASSES
from tests.paths import ROOT

_spec = importlib.util.spec_from_file_location('make_image_labels',
                                               ROOT / 'tools' / 'make_image_labels.py')
tool = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tool)


def make(tmp_path, *args):
    out = tmp_path / 'out' / 'labels.json'
    tool.main(['--workers', '0', *map(str, args), '-o', str(out)])
    return ImageLabels.load(out)


def xml(*objects):
    rows = ''.join(f'<object><name>{name}</name><difficult>{int(hard)}</difficult>'
                   '<part><name>head</name></part></object>' for name, hard in objects)
    return f'<annotation>{rows}</annotation>'


def test_voc_xml(tmp_path):
    folder = tmp_path / 'Annotations'
    folder.mkdir()
    (folder / 'a.xml').write_text(xml(('person', 0), ('cat', 1), ('person', 0)))
    (folder / 'b.xml').write_text(xml())
    labels = make(tmp_path, 'xml', folder, '--classes', 'voc')
    assert labels.classes == VOC_CLASSES
    assert labels.images == {'a': ('cat', 'person'), 'b': ()}
    assert make(tmp_path, 'xml', folder, '--skip-difficult').images['a'] == ('person', )
    (tmp_path / 'list.txt').write_text('a\n')
    assert list(make(tmp_path, 'xml', folder, '--list', tmp_path / 'list.txt').images) == ['a']
    (folder / 'b.xml').write_text('<annotation>')
    with pytest.raises(SystemExit, match='b.xml is no readable XML'):
        make(tmp_path, 'xml', folder)
    (folder / 'b.xml').write_text(xml(('unicorn', 0)))
    with pytest.raises(SystemExit, match="'b' is labelled 'unicorn'"):
        make(tmp_path, 'xml', folder, '--classes', 'voc')


def test_coco_json(tmp_path):
    content = dict(
        categories=[dict(id=18, name='dog'), dict(id=1, name='person')],
        images=[dict(id=7, file_name='COCO_7.jpg'), dict(id=9, file_name='COCO_9.jpg')],
        annotations=[dict(image_id=7, category_id=18, iscrowd=0),
                     dict(image_id=7, category_id=18, iscrowd=0),
                     dict(image_id=7, category_id=1, iscrowd=1)])
    path = tmp_path / 'instances.json'
    path.write_text(json.dumps(content))
    labels = make(tmp_path, 'coco', path)
    assert labels.classes == ('person', 'dog')
    assert labels.images == {'COCO_7': ('dog', ), 'COCO_9': ()}
    for broken, message in (('{', 'no JSON'), ('[]', 'no file of COCO'), ('{}', 'categories')):
        path.write_text(broken)
        with pytest.raises(SystemExit, match=message):
            make(tmp_path, 'coco', path)


@pytest.mark.parametrize('workers', ['0', '2'])
def test_masks(tmp_path, workers):
    folder = tmp_path / 'masks'
    (folder / 'sub').mkdir(parents=True)
    mask = np.zeros((6, 6), np.uint8)
    mask[0, 0], mask[2:4], mask[5] = 2, 1, 255
    Image.fromarray(mask).save(folder / 'sub' / 'a.png')
    labels = make(tmp_path, 'masks', folder, '--classes', 'cat,dog', '--workers', workers)
    assert labels.images == {'sub/a': ('cat', 'dog')}
    few = make(tmp_path, 'masks', folder, '--classes', 'cat,dog', '--min-pixels', '2')
    assert few.images == {'sub/a': ('cat', )}
    with pytest.raises(SystemExit, match='a.png holds label 2, but only 1'):
        make(tmp_path, 'masks', folder, '--classes', 'cat')
    with pytest.raises(SystemExit, match='--classes'):
        make(tmp_path, 'masks', folder)


def test_csv(tmp_path):
    path = tmp_path / 'table.csv'
    path.write_text('image,labels\na.jpg,dog; cat\nsub/b,\na.jpg,cow\n')
    labels = make(tmp_path, 'csv', path)
    assert labels.classes == ('cat', 'cow', 'dog')
    assert labels.images == {'a': ('cat', 'cow', 'dog'), 'sub/b': ()}
    path.write_text('file,cow,cat\na.jpg,1,0\nb.v2.png,0,1\nc,0,0\n')
    labels = make(tmp_path, 'csv', path)
    assert labels.classes == ('cow', 'cat')
    assert labels.images == {'a': ('cow', ), 'b.v2': ('cat', ), 'c': ()}
    for text, message in (('image,labels\n', 'header and rows'),
                          ('f,cat\na,yes\n', "row 2: 'yes'"),
                          ('f,cat\na,1,1\n', 'row 2: 3 columns')):
        path.write_text(text)
        with pytest.raises(SystemExit, match=message):
            make(tmp_path, 'csv', path)


@pytest.mark.parametrize('text', [
    'file,tags\nsummer 1\\a.JPG,house cat|dog\n./b.png,dog\n',
    'image;label\nsummer 1/a.JPG;dog,house cat\nb;dog\n',
    'image\tcategories\nsummer 1/a\tdog; house cat\nb.jpeg\tdog\n'])
def test_tables_of_other_programs(tmp_path, text):
    (tmp_path / 't.csv').write_text(text)
    labels = make(tmp_path, 'csv', tmp_path / 't.csv')
    assert labels.classes == ('dog', 'house cat')
    assert labels.images == {'summer 1/a': ('dog', 'house cat'), 'b': ('dog', )}


def test_table_of_another_encoding_is_named(tmp_path):
    (tmp_path / 't.csv').write_bytes('image,labels\na,Käse\n'.encode('latin-1'))
    with pytest.raises(SystemExit, match='t.csv is not UTF-8.*save it again'):
        make(tmp_path, 'csv', tmp_path / 't.csv')


def test_class_folders_and_broken_images(tmp_path):
    for name in ('cat/1.jpg', 'cat/2.PNG', 'dog/1.jpg'):
        path = tmp_path / 'images' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (4, 4)).save(path)
    (tmp_path / 'images' / 'dog' / 'notes.txt').write_text('')
    (tmp_path / 'images' / 'dog' / '._1.jpg').write_bytes(b'of another system')
    labels = make(tmp_path, 'folders', tmp_path / 'images')
    assert labels.images == {'cat/1': ('cat', ), 'cat/2': ('cat', ), 'dog/1': ('dog', )}
    with pytest.raises(SystemExit, match='no folders with images'):
        make(tmp_path, 'folders', tmp_path / 'images' / 'cat')


def test_broken_images_are_left_out_and_listed(tmp_path, capsys):
    (tmp_path / 't.csv').write_text('image,labels\na,cat\nb,cat\nc,dog\n')
    Image.new('CMYK', (4, 4)).save(tmp_path / 'a.jpg')
    (tmp_path / 'b.jpg').write_bytes(b'broken')
    labels = make(tmp_path, 'csv', tmp_path / 't.csv', '--check-images', tmp_path)
    assert list(labels.images) == ['a']
    printed = capsys.readouterr().out
    assert 'b.jpg cannot be read' in printed and 'c.jpg does not exist' in printed


def test_npy_of_integers_and_of_names(tmp_path):
    vectors = {2007000032: np.array([1, 0, 1], np.float32), '2008_1': np.zeros(3, np.float32)}
    np.save(tmp_path / 'cls.npy', vectors)
    labels = make(tmp_path, 'npy', tmp_path / 'cls.npy', '--classes', 'cat,dog,cow')
    assert labels.images == {'2007_000032': ('cat', 'cow'), '2008_1': ()}
    with pytest.raises(SystemExit, match=r'shape \(3,\), expected \(2,\)'):
        make(tmp_path, 'npy', tmp_path / 'cls.npy', '--classes', 'cat,dog')
    np.save(tmp_path / 'plain.npy', np.zeros((2, 3)))
    (tmp_path / 'text.npy').write_text('no array')
    for name, message in (('plain.npy', 'not a dict'), ('text.npy', 'no .npy file')):
        with pytest.raises(SystemExit, match=message):
            make(tmp_path, 'npy', tmp_path / name, '--classes', 'voc')


class _Evil:

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), 'w')


def test_npy_never_runs_code(tmp_path):
    np.save(tmp_path / 'evil.npy', {1: _Evil(tmp_path / 'written')})
    assert pickle.dumps(_Evil(tmp_path / 'x'))
    with pytest.raises(SystemExit, match='evil.npy is no pickle of plain arrays'):
        make(tmp_path, 'npy', tmp_path / 'evil.npy', '--classes', 'voc')
    assert not (tmp_path / 'written').exists()


def test_class_lists(tmp_path):
    (tmp_path / 'c.txt').write_text('cat\n\n dog \n')
    assert tool.read_classes(str(tmp_path / 'c.txt')) == ('cat', 'dog')
    assert tool.read_classes('voc') == VOC_CLASSES and tool.read_classes(None) is None


def test_the_fields_own_file(tmp_path, shared_data):
    path = shared_data / 'labels' / 'voc' / 'cls_labels.npy'
    labels = make(tmp_path, 'npy', path, '--classes', 'voc')
    assert len(labels.images) == 12031
    assert labels.images['2007_000032'] == ('aeroplane', 'person')
    train = (shared_data / 'labels' / 'voc' / 'train_aug.txt').read_text().split()
    assert len(train) == 10582 and not labels.select(train).unlabelled
