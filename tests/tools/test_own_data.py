"""From a folder of images and a table to labels, lists, a checked set, a graph, a data set."""
import json

import numpy as np
import pytest
from PIL import Image

from mmwsss.datasets import FolderSegDataset, ImageLabels
from mmwsss.knowledge import ClassGraph
from tests.tools.test_infer import tool

CLASSES = ('kiwi', 'plum', 'fig')
ROWS = dict(a='kiwi;plum', b='plum', c='fig', d='kiwi', e='plum;fig', f='plum', gone='kiwi')


@pytest.fixture
def own(tmp_path):
    """Six labelled images with suffixes of all kinds, one in a sub-folder, one without labels."""
    images = tmp_path / 'images'
    (images / 'sub').mkdir(parents=True)
    for name in ('a.jpg', 'b.JPG', 'c.png', 'd.PNG', 'e.jpeg', 'f.jpg', 'unlabelled.jpg'):
        kind = 'PNG' if name.lower().endswith('png') else 'JPEG'
        Image.new('RGB', (20, 16), (9, 99, 199)).save(images / name, format=kind)
    lines = ['image,' + ','.join(CLASSES)]
    for name, classes in ROWS.items():
        lines.append(','.join([name, *('1' if c in classes.split(';') else '0' for c in CLASSES)]))
    (tmp_path / 'labels.csv').write_text('\n'.join(lines) + '\n')
    return tmp_path


def prepare(own, *args) -> int:
    return tool('prepare_own_data').main(
        [str(own / 'images'), str(own / 'labels.csv'), '--out', str(own / 'out'), *map(str, args)])


def lines(path) -> list:
    return path.read_text().split()


def test_labelled_images_are_split_and_the_rest_is_counted(own):
    assert prepare(own) == 0
    labels = ImageLabels.load(own / 'out/image_labels.json')
    assert labels.classes == CLASSES
    assert {i: set(names) for i, names in labels.images.items()} == {
        i: set(ROWS[i].split(';')) for i in 'abcdef'}
    assert lines(own / 'out/val.txt') == ['a']  # every 10th, from the first
    assert lines(own / 'out/train.txt') == list('bcdef')
    figures = json.loads((own / 'out/figures.json').read_text())
    assert (figures['without_labels'], figures['without_image']) == (1, 1)


def test_masks_decide_what_is_held_out_and_leave_no_list_behind(own):
    masks = own / 'masks'
    masks.mkdir()
    for image_id in 'bcd':
        Image.new('L', (20, 16)).save(masks / f'{image_id}.png')
    assert prepare(own, '--masks', masks) == 0
    assert lines(own / 'out/val.txt') == ['b'] and lines(own / 'out/judged.txt') == ['c', 'd']
    assert prepare(own) == 0
    assert not (own / 'out/judged.txt').exists()


def test_masks_of_other_sizes_are_refused_before_any_work(own, capsys):
    masks = own / 'masks'
    masks.mkdir()
    for image_id, size in dict(b=(20, 16), c=(16, 20), d=(10, 8)).items():
        Image.new('L', size).save(masks / f'{image_id}.png')
    assert prepare(own, '--masks', masks) == 1
    err = capsys.readouterr().err
    assert '2 masks have another size' in err and 'c.png 16x20, its image 20x16' in err
    assert '1 lie across' in err and not (own / 'out').exists()
    (masks / 'c.png').write_bytes(b'no image')
    assert prepare(own, '--masks', masks) == 1
    assert 'c.png or its image cannot be read' in capsys.readouterr().err


def test_what_is_left_out_is_named(own, capsys):
    Image.new('RGB', (20, 16)).save(own / 'images/a.png')
    assert prepare(own) == 0
    printed = capsys.readouterr().out
    assert 'kiwi 2, plum 4, fig 2' in printed
    for words in ('1 images without labels', '1 labels without image: gone', 'images/a.png'):
        assert words in printed
    assert json.loads((own / 'out/figures.json').read_text())['twins'] == 1


def test_names_with_spaces_in_folders_with_spaces(own):
    (own / 'images/summer 2019').mkdir()
    (own / 'images/b.JPG').rename(own / 'images/summer 2019/IMG 1.JPG')
    table = (own / 'labels.csv').read_text().replace('plum', 'ripe plum').replace(
        '\nb,', '\nsummer 2019/IMG 1.JPG,')
    (own / 'labels.csv').write_text(table)
    assert prepare(own) == 0 and check(own, '--list', own / 'out/train.txt') == 0
    labels = ImageLabels.load(own / 'out/image_labels.json')
    assert labels.images['summer 2019/IMG 1'] == ('ripe plum', )


def test_a_single_class_is_explained(own, capsys):
    (own / 'labels.csv').write_text('image,labels\na,kiwi\nb,\nc,kiwi\n')
    assert prepare(own) == 0
    printed = capsys.readouterr().out
    assert 'one class: ReCAM learns nothing from it' in printed
    assert "cam_weights='classifier'" in printed and 'Each image' not in printed
    (own / 'labels.csv').write_text('image,labels\na,kiwi\nb,kiwi\n')
    assert prepare(own) == 0
    assert 'Each image shows kiwi: add images without it' in capsys.readouterr().out


def test_a_graph_of_one_class_has_no_relations(own):
    (own / 'labels.csv').write_text('image,labels\na,kiwi\nb,\nc,kiwi\n')
    prepare(own)
    choose = tool('choose_class_graph').main
    assert choose(['--labels', str(own / 'out/image_labels.json'), '--out',
                   str(own / 'one.npz'), '--picture', str(own / 'one.png')]) == 0
    graph = ClassGraph.load(own / 'one.npz')
    assert graph.names == ('kiwi', ) and graph.relations.tolist() == [[1]]


def test_bad_own_data_is_named(own, capsys):
    (own / 'val.txt').write_text('a\nzebra\n')
    assert prepare(own, '--val', own / 'val.txt') == 1
    assert 'zebra' in capsys.readouterr().err
    (own / 'empty').mkdir()
    assert tool('prepare_own_data').main(
        [str(own / 'empty'), str(own / 'labels.csv'), '--out', str(own / 'o')]) == 1
    assert 'no labelled image is in' in capsys.readouterr().err
    assert not (own / 'o').exists()


def check(own, *args) -> int:
    return tool('check_image_labels').main(
        [str(own / 'out/image_labels.json'), '--images', str(own / 'images'), *map(str, args)])


def test_the_check_counts_images_of_each_class(own, capsys):
    prepare(own)
    assert check(own, '--json', own / 'figures.json') == 0
    figures = json.loads((own / 'figures.json').read_text())
    assert figures['images_of_class'] == dict(kiwi=2, plum=4, fig=2)
    assert figures['images'] == 6 and figures['labels_per_image'] == round(8 / 6, 3)


def test_the_check_names_all_that_is_wrong_at_once(own, capsys):
    prepare(own)
    (own / 'images/c.png').write_bytes(b'no image')
    (own / 'images/f.jpg').unlink()
    (own / 'list.txt').write_text('a\nc\nf\nzebra\n')
    capsys.readouterr()
    assert check(own, '--list', own / 'list.txt') == 1
    err = capsys.readouterr().err
    assert 'zebra' in err and 'f' in err.split('are not in')[1] and 'c: ' in err


def test_the_check_counts_images_that_a_viewer_turns(own, capsys):
    exif = Image.Exif()
    for orientation, name in ((1, 'a.jpg'), (6, 'b.JPG'), (3, 'e.jpeg')):
        exif[0x0112] = orientation
        Image.new('RGB', (20, 16)).save(own / 'images' / name, format='JPEG', exif=exif)
    prepare(own)
    assert check(own, '--json', own / 'figures.json') == 0
    assert json.loads((own / 'figures.json').read_text())['turned'] == 2
    assert '2 images carry an EXIF orientation' in capsys.readouterr().out


def test_graphs_are_ready_ones_or_co_occurrences(own, capsys):
    prepare(own)
    choose = tool('choose_class_graph').main
    assert choose(['--labels', str(own / 'out/image_labels.json'), '--out',
                   str(own / 'own.npz')]) == 0
    assert 'no ready graph fits' in capsys.readouterr().out
    graph = ClassGraph.load(own / 'own.npz')
    assert tuple(graph.names) == CLASSES
    np.testing.assert_array_equal(graph.embeddings, np.eye(3))
    # Images a and e hold two classes: half of kiwi's and fig's images hold a plum, but a quarter
    # of plum's a kiwi and a quarter a fig, which is below ML-GCN's 0.4.
    related = {('kiwi', 'plum'), ('fig', 'plum')}
    for i, one in enumerate(CLASSES):
        for j, other in enumerate(CLASSES):
            if i != j:
                assert (graph.relations[i, j] > 0) == ((one, other) in related)
    assert choose(['--classes', 'voc', '--out', str(own / 'voc.npz')]) == 0
    ImageLabels(('bicycle', 'bike'), dict(a=['bike'], b=['bicycle'])).save(own / 'two.json')
    assert choose(['--labels', str(own / 'two.json'), '--out', str(own / 'two.npz')]) == 0
    assert ClassGraph.load(own / 'two.npz').names == ('bicycle', 'bike')
    assert "the ready graph 'voc' knows all 20" in capsys.readouterr().out


def test_folder_data_set_finds_each_suffix_and_its_label(own):
    prepare(own)
    (own / 'ids.txt').write_text('a\nb\nd\n')
    (own / 'labels').mkdir()
    for k, image_id in enumerate('abd'):
        Image.fromarray(np.full((16, 20), k, np.uint8)).save(own / f'labels/{image_id}.png')
    data = FolderSegDataset(
        classes=('background', *CLASSES), img_suffix=tool('prepare_own_data').SUFFIXES,
        ann_file=str(own / 'ids.txt'), data_root='', pipeline=[],
        data_prefix=dict(img_path=str(own / 'images'), seg_map_path=str(own / 'labels')))
    infos = [data.get_data_info(i) for i in range(len(data))]
    assert [info['img_path'].rpartition('/')[2] for info in infos] == ['a.jpg', 'b.JPG', 'd.PNG']
    assert [info['seg_map_path'].rpartition('/')[2] for info in infos] == [
        'a.png', 'b.png', 'd.png']
    assert data.metainfo['classes'] == ('background', *CLASSES)
    assert len(data.metainfo['palette']) == 4
    with pytest.raises(ValueError, match='at least two different names'):
        FolderSegDataset(classes=('one', ), ann_file=str(own / 'ids.txt'))
