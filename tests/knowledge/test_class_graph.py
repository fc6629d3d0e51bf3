import json

import numpy as np
import pytest

from mmwsss.knowledge import COCO_CLASSES, VOC_CLASSES, ClassGraph, UnknownClassError
from mmwsss.knowledge.names import aliases, match
from mmwsss.knowledge.storage import load_npz, save_npz

NAMES = ('cat', 'sofa', 'television', 'mouse', 'computer mouse')


def graph(names=NAMES) -> ClassGraph:
    rng = np.random.default_rng(0)
    size = len(names)
    return ClassGraph(names, rng.random((size, size)), rng.normal(size=(size, 3)),
                      {'relations': {'kind': 'test'},
                       'classes': {name: {'concept': name} for name in names}})


def test_save_and_load_give_the_same_graph_and_the_same_bytes(tmp_path):
    saved = graph()
    saved.save(tmp_path / 'a.npz')
    saved.save(tmp_path / 'b.npz')
    assert ClassGraph.load(tmp_path / 'a.npz') == saved
    assert (tmp_path / 'a.npz').read_bytes() == (tmp_path / 'b.npz').read_bytes()
    with np.load(tmp_path / 'a.npz', allow_pickle=False) as archive:
        assert sorted(archive.files) == ['embeddings', 'names', 'provenance', 'relations']
        assert json.loads(str(archive['provenance'])) == saved.provenance
        assert archive['relations'].dtype == np.float64


def test_equality_looks_at_everything():
    assert graph() == graph()
    for change in ('relations', 'embeddings'):
        other = graph()
        getattr(other, change)[0, 1] += 1e-3
        assert other != graph()
    other = graph()
    other.provenance['relations'] = {}
    assert other != graph() and graph() != 'graph'
    with pytest.raises(TypeError):
        hash(graph())


def test_repr_tells_what_it_is():
    assert repr(graph()) == ('ClassGraph(5 classes: cat, sofa, television, mouse, …; relations: '
                             'test; word vectors: 3 channels)')


def test_align_permutes_rows_and_columns_by_name_and_alias():
    full = graph()
    part = full.align(['tvmonitor', 'Cat', 'couch'])
    rows = [2, 0, 1]
    assert part.names == ('tvmonitor', 'Cat', 'couch')
    np.testing.assert_array_equal(part.relations, full.relations[np.ix_(rows, rows)])
    np.testing.assert_array_equal(part.embeddings, full.embeddings[rows])
    assert part.provenance['classes'] == {
        'tvmonitor': {'concept': 'television', 'aligned_from': 'television'},
        'Cat': {'concept': 'cat', 'aligned_from': 'cat'},
        'couch': {'concept': 'sofa', 'aligned_from': 'sofa'}}
    assert full == graph()


def test_an_equal_name_goes_before_an_alias():
    assert match(['mouse', 'computer mouse'], NAMES) == [3, 4]


def test_voc_and_coco_names_find_each_other():
    rows = match(VOC_CLASSES, COCO_CLASSES)
    found = dict(zip(VOC_CLASSES, (COCO_CLASSES[row] for row in rows)))
    assert found['tvmonitor'] == 'tv' and found['diningtable'] == 'dining table'
    assert found['sofa'] == 'couch' and found['aeroplane'] == 'airplane'
    assert 'hair dryer' in aliases('hair drier')


@pytest.mark.parametrize('names, message', [
    (['cat', 'gryphon', 'wyvern'], "'gryphon', 'wyvern'"),
    (['cta'], r"did you mean 'cat'"),
    (['background', 'cat'], 'leave it out'),
])
def test_unknown_names_are_named(names, message):
    for kind in (KeyError, ValueError, UnknownClassError):
        with pytest.raises(kind, match=message):
            graph(('cat', 'sofa')).align(names)


def test_two_names_of_one_class_are_refused():
    with pytest.raises(ValueError, match="'sofa' and 'couch' are both 'sofa'"):
        graph().align(['sofa', 'couch'])


@pytest.mark.parametrize('change, message', [
    (dict(names=('a', 'a')), 'different'),
    (dict(names=()), 'at least one'),
    (dict(relations=np.eye(3)), r'need \(2, 2\)'),
    (dict(relations=np.array([[1, -1], [0, 1]])), 'not negative'),
    (dict(relations=np.array([[1, np.nan], [0, 1]])), 'finite'),
    (dict(embeddings=np.ones(2)), r'need \(2, D\)'),
    (dict(embeddings=np.full((2, 3), np.inf)), 'finite'),
    (dict(provenance={'a': object()}), 'plain JSON'),
])
def test_what_does_not_fit_is_refused(change, message):
    whole = dict(names=('a', 'b'), relations=np.eye(2), embeddings=np.ones((2, 3)), provenance={})
    with pytest.raises(ValueError, match=message):
        ClassGraph(**{**whole, **change})


@pytest.mark.parametrize('content', [b'', b'hello', b'PK\x03\x04 cut'])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / 'x.npz'
    path.write_bytes(content)
    with pytest.raises(ValueError, match='class graph'):
        ClassGraph.load(path)


def test_cut_or_incomplete_or_missing_files_are_refused(tmp_path):
    path = tmp_path / 'g.npz'
    graph().save(path)
    whole = path.read_bytes()
    for share in (0.3, 0.9, 0.99):
        path.write_bytes(whole[:int(len(whole) * share)])
        with pytest.raises(ValueError, match='cut off'):
            ClassGraph.load(path)
    save_npz(path, {'names': np.array(['a'])})
    with pytest.raises(ValueError, match="not .*'relations'"):
        ClassGraph.load(path)
    with pytest.raises(FileNotFoundError, match='build_class_graph'):
        ClassGraph.load(tmp_path / 'missing.npz')


def test_pickles_are_neither_written_nor_read(tmp_path):
    with pytest.raises(ValueError, match='object'):
        save_npz(tmp_path / 'o.npz', {'names': np.array([{}], dtype=object)})
    assert not list(tmp_path.iterdir())
    np.savez(tmp_path / 'p.npz', names=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match='allow_pickle'):
        load_npz(tmp_path / 'p.npz', (), 'class graph')


@pytest.mark.parametrize('name, classes', [('voc', VOC_CLASSES), ('coco', COCO_CLASSES)])
def test_shipped_graphs(name, classes):
    ready = ClassGraph.load(name)
    assert ready.names == classes
    assert ready.embeddings.shape == (len(classes), 300)
    np.testing.assert_array_equal(ready.relations, ready.relations.T)
    assert (np.diagonal(ready.relations) >= 0.15).all()
    assert (ready.relations.max(axis=1) == np.diagonal(ready.relations)).all()
    assert 'CC BY 4.0' in ready.provenance['relations']['licence']
    assert set(ready.provenance['classes']) == set(classes)
    strongest = ready.align(['cat', 'dog', 'bus']).relations
    assert strongest[0, 1] > strongest[0, 2]
    cosine = ready.align(['cat', 'dog', 'bus']).embeddings
    cosine = cosine / np.linalg.norm(cosine, axis=1, keepdims=True)
    assert cosine[0] @ cosine[1] > cosine[0] @ cosine[2]


def test_shipped_voc_and_coco_come_from_the_same_walks():
    voc, coco = ClassGraph.load('voc'), ClassGraph.load('coco')
    same = ['bicycle', 'bird', 'cat', 'dog', 'person', 'train']
    np.testing.assert_allclose(voc.align(same).relations, coco.align(same).relations, atol=2e-9)
    np.testing.assert_array_equal(voc.align(same).embeddings, coco.align(same).embeddings)
