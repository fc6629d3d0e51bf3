"""tools/make_image_labels.py, and the readers behind it."""
import importlib.util
import json
import pickle

import numpy as np
import pytest
from PIL import Image

from mmwsss.datasets import ImageLabels, label_sources
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


def coco(tmp_path, files=('a.jpg', ), numbers=(1, 2, 3)):
    content = dict(categories=[dict(id=1, name='cat'), dict(id=2, name='dog')],
                   images=[dict(id=i, file_name=name) for i, name in zip(numbers, files)],
                   annotations=[dict(image_id=1, category_id=c) for c in (1, 2)])
    (tmp_path / 'c.json').write_text(json.dumps(content))
    return tmp_path / 'c.json'


def test_classes_order_those_of_coco(tmp_path):
    labels = make(tmp_path, 'coco', coco(tmp_path), '--classes', 'dog,cat')
    assert labels.classes == ('dog', 'cat') and labels.images == {'a': ('dog', 'cat')}
    for classes, message in (('bird,cat,dog,fox', 'c.json has no bird, fox: name all 2'),
                             ('dog', 'has cat, which --classes leaves out'),
                             ('bird,cat', 'has no bird and has dog, which'),
                             ('cat,dog,cat', "different .*'cat'")):
        with pytest.raises(SystemExit, match=message):
            make(tmp_path, 'coco', tmp_path / 'c.json', '--classes', classes)


def test_two_images_of_coco_are_never_one(tmp_path):
    path = coco(tmp_path, ('x/a.jpg', 'x/b.png', 'x/a.png'))
    with pytest.raises(SystemExit, match="c.json: x/a.jpg and x/a.png are both image 'x/a'"):
        make(tmp_path, 'coco', path)
    path = coco(tmp_path, ('a.jpg', 'b.jpg'), (1, 1))
    with pytest.raises(SystemExit, match='images a and b have the same number 1'):
        make(tmp_path, 'coco', path)
    assert list(make(tmp_path, 'coco', coco(tmp_path, ('a.jpg', 'a.jpg'))).images) == ['a']
    with pytest.raises(SystemExit, match="c.json: '../a' leaves the image folder"):
        make(tmp_path, 'coco', coco(tmp_path, ('../a.jpg', )))


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
                          ('f,cat\n\na,yes\n', "t?able.csv, line 3: 'yes'"),
                          ('f,cat\na,1,1\n', 'line 2: 3 columns'),
                          ('f,cat\na,1\n ,1\n', "line 3: the first column is ' '"),
                          ('image,labels\n./,cat\n', "line 2: the first column is './'"),
                          ('image,labels\na,cat\n../b,cat\n', "line 3: '../b' leaves"),
                          ('image,labels\na.jpg,cat\nb,cat\na.png,dog\n',
                           "line 4: a.jpg and a.png are both image 'a'")):
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


def test_rows_of_empty_cells_are_no_images(tmp_path):
    (tmp_path / 't.csv').write_text('image,cat,dog\na.jpg,1,0\n,,\na,0,1\n , ,\n')
    labels = make(tmp_path, 'csv', tmp_path / 't.csv')
    assert labels.images == {'a': ('cat', 'dog')}  # with or without suffix: one image


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


def test_files_outside_of_class_folders_are_named(tmp_path, capsys):
    for name in ('cat/1.jpg', 'cat/sub/3.jpg', 'top.jpg', 'dog/4.gif', '.cache/5.jpg'):
        path = tmp_path / 'images' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b'')
    (tmp_path / 'foxes').mkdir()
    (tmp_path / 'foxes' / '1.jpg').write_bytes(b'')
    (tmp_path / 'images' / 'fox').symlink_to(tmp_path / 'foxes')
    labels = make(tmp_path, 'folders', tmp_path / 'images')
    assert labels.images == {'cat/1': ('cat', ), 'fox/1': ('fox', )}
    assert 'left out: 3 files' in (printed := capsys.readouterr().out)
    assert ': cat/sub/3.jpg, dog/4.gif, top.jpg\n' in printed
    with pytest.warns(UserWarning, match='3 files of .*images that are no'):
        label_sources.from_class_folders(tmp_path / 'images')
    (tmp_path / 'images' / 'cat' / '1.png').write_bytes(b'')
    with pytest.raises(SystemExit, match="cat/1.jpg and cat/1.png are both image 'cat/1'"):
        make(tmp_path, 'folders', tmp_path / 'images')


def test_broken_images_are_left_out_and_listed(tmp_path, capsys):
    (tmp_path / 't.csv').write_text('image,labels\na,cat\nb,cat\nc,dog\n')
    Image.new('CMYK', (4, 4)).save(tmp_path / 'a.jpg')
    (tmp_path / 'b.jpg').write_bytes(b'broken')
    labels = make(tmp_path, 'csv', tmp_path / 't.csv', '--check-images', tmp_path)
    assert list(labels.images) == ['a']
    printed = capsys.readouterr().out
    assert 'b.jpg cannot be read' in printed and f'c is not in {tmp_path}' in printed


@pytest.mark.parametrize('workers', ['0', '2'])
def test_images_of_all_suffixes_are_checked(tmp_path, workers):
    folder = tmp_path / 'images'
    folder.mkdir()
    names = ('a.JPG', 'b.jpeg', 'c.PNG', 'd.WEBP', 'e.tiff')
    for name in names:
        Image.new('RGB', (4, 4)).save(folder / name)
    (folder / 'f.JPG').write_bytes(b'broken')
    table = 'image,labels\n' + ''.join(f'{name},cat\n' for name in (*names, 'f.JPG'))
    (tmp_path / 't.csv').write_text(table)
    labels = make(tmp_path, 'csv', tmp_path / 't.csv', '--check-images', folder,
                  '--workers', workers)
    assert sorted(labels.images) == list('abcde')


def test_a_mistyped_image_folder_keeps_the_label_file(tmp_path):
    (tmp_path / 't.csv').write_text('image,labels\na,cat\nb,dog\n')
    before = make(tmp_path, 'csv', tmp_path / 't.csv')
    with pytest.raises(SystemExit, match='image folder .*typo does not exist: check --check-im'):
        make(tmp_path, 'csv', tmp_path / 't.csv', '--check-images', tmp_path / 'typo')
    with pytest.raises(SystemExit, match='none of the 2 labelled images is in .*: a, b: another'):
        make(tmp_path, 'csv', tmp_path / 't.csv', '--check-images', tmp_path)
    assert ImageLabels.load(tmp_path / 'out' / 'labels.json') == before


def test_npy_of_integers_and_of_names(tmp_path):
    vectors = {2007000032: np.array([1, 0, 1], np.float32), '2008_1': np.zeros(3, np.float32)}
    np.save(tmp_path / 'cls.npy', vectors)
    labels = make(tmp_path, 'npy', tmp_path / 'cls.npy', '--classes', 'cat,dog,cow')
    assert labels.images == {'2007_000032': ('cat', 'cow'), '2008_1': ()}
    with pytest.raises(SystemExit, match=r'2007000032: labels have shape \(3,\), expected \(2,\)'):
        make(tmp_path, 'npy', tmp_path / 'cls.npy', '--classes', 'cat,dog')
    np.save(tmp_path / 'plain.npy', np.zeros((2, 3)))
    (tmp_path / 'text.npy').write_text('no array')
    for name, message in (('plain.npy', 'not a dict'), ('text.npy', 'no .npy file')):
        with pytest.raises(SystemExit, match=message):
            make(tmp_path, 'npy', tmp_path / name, '--classes', 'voc')


@pytest.mark.parametrize('vector', [
    [1, -1], [0, 0.2], [np.nan, 0], [2, 0], ['1', '0'], np.array([1, None])])
def test_npy_of_other_values_is_refused(tmp_path, vector):
    np.save(tmp_path / 'cls.npy', {'x': np.array([True, False]), 'y': np.asarray(vector)})
    with pytest.raises(SystemExit, match="cls.npy, 'y': labels hold (-1|0.2|nan|2|1|None), exp"):
        make(tmp_path, 'npy', tmp_path / 'cls.npy', '--classes', 'cat,dog')


def test_npy_of_two_keys_of_one_image_is_refused(tmp_path):
    np.save(tmp_path / 'cls.npy', {2007000032: np.array([1]), '2007_000032': np.array([0])})
    with pytest.raises(SystemExit, match='2007000032 and 2007_000032 are both image .*, once'):
        make(tmp_path, 'npy', tmp_path / 'cls.npy', '--classes', 'cat')


def test_npy_of_the_numbers_of_coco(tmp_path):
    path = tmp_path / 'cls.npy'
    np.save(path, {9: np.array([1, 0]), np.int64(581929): np.array([0, 1])})
    with pytest.raises(SystemExit, match="cls.npy: 9 is no id of VOC.*--integer-ids 'COCO_train"):
        make(tmp_path, 'npy', path, '--classes', 'cat,dog')
    args = ('npy', path, '--classes', 'cat,dog', '--integer-ids')
    labels = make(tmp_path, *args, 'COCO_train2014_{:012d}')
    assert labels.images == {'COCO_train2014_000000000009': ('cat', ),
                             'COCO_train2014_000000581929': ('dog', )}
    plain = label_sources.from_cls_labels(path, ('cat', 'dog'))  # where ids do not matter
    assert plain.images == {'9': ('cat', ), '581929': ('dog', )}
    for form, message in (('{:012x', 'no format'), ('{name}', 'no format'), ('{1}', 'no format'),
                          ('COCO', 'are both image')):
        with pytest.raises(SystemExit, match=message):
            make(tmp_path, *args, form)


@pytest.mark.parametrize('key', [True, 1.5, (1, 2), -2007000032, 12007000032, 1700000000])
def test_npy_of_other_keys_is_refused(tmp_path, key):
    np.save(tmp_path / 'cls.npy', {key: np.array([1])})
    with pytest.raises(SystemExit, match='cls.npy: .* is no (image|id of VOC)'):
        make(tmp_path, 'npy', tmp_path / 'cls.npy', '--classes', 'cat')


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
    assert tool.read_classes('house cat, dog') == ('house cat', 'dog')
    (tmp_path / 'c.txt').write_bytes(b'\xef\xbb\xbfcat\n')  # the mark that Windows' editors leave
    assert tool.read_classes(str(tmp_path / 'c.txt')) == ('cat', )
    (tmp_path / 'c.txt').write_bytes(b'K\xe4se\n')
    with pytest.raises(ValueError, match='c.txt is not UTF-8'):
        tool.read_classes(str(tmp_path / 'c.txt'))


@pytest.mark.parametrize('text', ['clases.txt', 'cat,own/dogs.TXT', 'coco.names', 'classes.csv'])
def test_a_mistyped_class_file_is_no_class(tmp_path, text):
    (tmp_path / 't.csv').write_text('image,labels\na,cat\n')
    with pytest.raises(SystemExit, match=f'the file {text.split(",")[-1]} does not exist'):
        make(tmp_path, 'csv', tmp_path / 't.csv', '--classes', text)


@pytest.mark.parametrize('kind', ['xml', 'coco', 'masks', 'csv', 'ticks', 'folders', 'npy'])
@pytest.mark.parametrize('name', ['background', '__Background__'])
def test_background_is_no_class_of_any_source(tmp_path, kind, name):
    source = tmp_path / 'source'
    if kind in ('xml', 'masks', 'folders'):
        (source / name).mkdir(parents=True)
    if kind == 'xml':
        (source / 'a.xml').write_text(xml((name, 0)))
    elif kind == 'coco':
        source.write_text(json.dumps(dict(
            categories=[dict(id=0, name=name), dict(id=1, name='cat')], annotations=[],
            images=[dict(id=1, file_name='a.jpg')])))
    elif kind == 'masks':
        Image.new('L', (2, 2), 1).save(source / 'a.png')
    elif kind == 'csv':
        source.write_text(f'image,labels\na,{name}\n')
    elif kind == 'ticks':
        source.write_text(f'image,{name},cat\na,0,1\n')
    elif kind == 'folders':
        (source / name / 'a.jpg').write_bytes(b'')
    else:
        np.save(tmp_path / 'source.npy', {'a': np.array([1, 0, 0])})
        source = tmp_path / 'source.npy'
    classes = ('--classes', f'{name},cat,dog') if kind in ('masks', 'npy') else ()
    with pytest.raises(SystemExit, match=f"source.*: '{name}' is no class .* leave it out"):
        make(tmp_path, 'csv' if kind == 'ticks' else kind, source, *classes)


def test_the_fields_own_file(tmp_path, shared_data):
    path = shared_data / 'labels' / 'voc' / 'cls_labels.npy'
    labels = make(tmp_path, 'npy', path, '--classes', 'voc')
    assert len(labels.images) == 12031
    assert labels.images['2007_000032'] == ('aeroplane', 'person')
    train = (shared_data / 'labels' / 'voc' / 'train_aug.txt').read_text().split()
    assert len(train) == 10582 and not labels.select(train).unlabelled
