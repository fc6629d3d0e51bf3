"""tools/build_class_graph.py as a user runs it: small files, the real ones, bad ones."""
import gzip
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.structures import PixelData

from mmwsss.datasets.image_labels import ImageLabels
from mmwsss.knowledge import ClassGraph
from tests.knowledge.samples import vectors_of, write_conceptnet, write_vectors
from tests.paths import ROOT

sys.path.insert(0, str(ROOT / 'tools'))
import build_class_graph  # noqa: E402

FARM = """# farm
cow
sheep
pig
chicken
tractor
barn
# kitchen
stove
refrigerator
frying pan
kettle
cutting board: chopping board
knife
"""
WORDS = ('cat', 'dog', 'sofa', 'bus', 'dining', 'table')


@pytest.fixture
def files(tmp_path):
    (tmp_path / 'classes.txt').write_text('cat\ndog: hound\ndiningtable\ncouch\n')
    return dict(classes=tmp_path / 'classes.txt',
                conceptnet=write_conceptnet(tmp_path / 'conceptnet.csv.gz'),
                vectors=write_vectors(tmp_path / 'vectors.txt', vectors_of(WORDS), 'glove'),
                out=tmp_path / 'out.npz', cache=tmp_path / 'cache')


def run(files, *options, **changes) -> int:
    given = {**files, **changes}
    return build_class_graph.main(
        [str(part) for name, value in given.items() for part in (f'--{name}', value)]
        + ['--min-edges', '3', '--quiet', *options])


def test_builds_and_says_what_stands_for_what(files, capsys):
    assert run(files) == 0
    out = capsys.readouterr().out
    assert "diningtable: concept 'dine_table' (synonym)" in out
    graph = ClassGraph.load(files['out'])
    assert graph.names == ('cat', 'dog', 'diningtable', 'couch')
    assert graph.provenance['classes']['couch']['concept'] == 'sofa'
    assert graph.provenance['relations']['direction'] == 'both'
    assert len(graph.provenance['relations']['sha256']) == 64
    vectors = vectors_of(WORDS)
    np.testing.assert_allclose(graph.embeddings[2], (vectors['dining'] + vectors['table']) / 2,
                               rtol=1e-6)
    first = files['out'].read_bytes()
    assert run(files) == 0 and files['out'].read_bytes() == first  # now from the cache
    assert run(files, '--directed', '--no-cache') == 0
    assert ClassGraph.load(files['out']) != graph


def test_other_kinds_of_relations(files, tmp_path, capsys):
    labels = tmp_path / 'labels.json'
    ImageLabels(['dog', 'sofa', 'cat', 'dining table'], {
        'a': ['cat', 'sofa'], 'b': ['cat', 'sofa'], 'c': ['dog'], 'd': ['dining table']
    }).save(labels)
    assert run(files, '--relations', 'cooccurrence', '--labels', str(labels)) == 0
    expected = np.eye(4)
    expected[0, [0, 3]] = expected[3, [3, 0]] = 0.8, 0.2
    graph = ClassGraph.load(files['out'])
    np.testing.assert_allclose(graph.relations, expected)
    assert graph.provenance['relations']['kind'] == 'cooccurrence'
    table = {2007000032: np.array([1, 0, 0, 1], np.float32), 7: np.array([0, 1, 0, 0], np.float32)}
    np.save(tmp_path / 'cls_labels.npy', table)
    assert run(files, '--relations', 'cooccurrence', '--labels',
               str(tmp_path / 'cls_labels.npy')) == 0
    np.testing.assert_allclose(ClassGraph.load(files['out']).relations, expected)
    assert run(files, '--relations', 'identity') == 0
    np.testing.assert_array_equal(ClassGraph.load(files['out']).relations, np.eye(4))
    assert run(files, '--relations', 'random', '--seed', '1') == 0
    assert run(files, '--relations', 'cooccurrence') == 1
    assert 'needs --labels' in capsys.readouterr().err


def run_on_graph(files, *options) -> int:
    return build_class_graph.main(['--graph', str(files['out']), '--out', str(files['second']),
                                   '--quiet', *map(str, options)])


def test_a_graph_gets_other_vectors_relations_and_classes(files, tmp_path, capsys):
    assert run(files) == 0
    files['second'] = tmp_path / 'second.npz'
    first = ClassGraph.load(files['out'])
    others = {word: vector[:5] + 1 for word, vector in vectors_of(WORDS).items()}
    write_vectors(tmp_path / 'other.txt', others, 'glove')
    assert run_on_graph(files, '--vectors', tmp_path / 'other.txt') == 0
    graph = ClassGraph.load(files['second'])
    np.testing.assert_array_equal(graph.relations, first.relations)
    np.testing.assert_allclose(graph.embeddings[0], others['cat'], rtol=1e-5)
    np.testing.assert_allclose(graph.embeddings[2], (others['dining'] + others['table']) / 2,
                               rtol=1e-5)
    assert graph.provenance['embeddings']['file'] == 'other.txt'
    assert graph.provenance['classes']['dog']['synonyms'] == ['hound']
    assert graph.provenance['classes']['couch']['concept'] == 'sofa'
    labels, chosen = tmp_path / 'labels.json', tmp_path / 'train.txt'
    ImageLabels(['cat', 'dog', 'dining table', 'sofa'], {
        'a': ['cat', 'sofa'], 'b': ['cat'], 'val': ['dog', 'sofa']}).save(labels)
    chosen.write_text('a\nb\n')
    assert run_on_graph(files, '--relations', 'cooccurrence', '--form', 'symmetric', '--labels',
                        labels, '--list', chosen) == 0
    graph = ClassGraph.load(files['second'])
    expected = np.eye(4)
    expected[0, 3] = expected[3, 0] = (1 / 2 * 1)**0.5
    np.testing.assert_allclose(graph.relations, expected)
    np.testing.assert_array_equal(graph.embeddings, first.embeddings)
    record = graph.provenance['relations']
    assert (record['images'], record['form'], record['list']) == (2, 'symmetric', 'train.txt')
    assert 'concept' not in graph.provenance['classes']['couch']
    (tmp_path / 'two.txt').write_text('sofa\ncat\n')
    assert run_on_graph(files, '--classes', tmp_path / 'two.txt') == 0
    assert ClassGraph.load(files['second']).names == ('sofa', 'cat')
    assert 'error' not in capsys.readouterr().err


@pytest.mark.parametrize('options, message', [
    (['--graph', 'no.npz'], 'no class graph'),
    (['--graph', 'voc', '--conceptnet', __file__], 'give one of them'),
    (['--graph', 'voc', '--vectors', 'no.txt'], 'no such file'),
    (['--classes', 'voc'], '--conceptnet, --vectors missing; or give --graph'),
])
def test_what_a_graph_is_made_of_must_be_clear(tmp_path, capsys, options, message):
    out = tmp_path / 'out.npz'
    assert build_class_graph.main([*options, '--out', str(out)]) == 1
    assert message in capsys.readouterr().err
    assert not out.exists()


def test_shipped_cooccurrence_is_rebuilt_byte_for_byte(shared_data, tmp_path):
    labels, out = shared_data / 'labels/voc', tmp_path / 'out.npz'
    assert build_class_graph.main(
        ['--graph', 'voc', '--relations', 'cooccurrence', '--form', 'symmetric', '--labels',
         str(labels / 'cls_labels.npy'), '--list', str(labels / 'train_aug.txt'), '--out',
         str(out)]) == 0
    shipped = ROOT / 'mmwsss/knowledge/graphs/voc_cooccurrence.npz'
    assert out.read_bytes() == shipped.read_bytes()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


BAD = {
    'unknown class': (lambda f: f['classes'].write_text('cat\ngryphon\n'), "'gryphon'"),
    'class twice': (lambda f: f['classes'].write_text('dining table\ndiningtable\n'), 'twice'),
    'background': (lambda f: f['classes'].write_text('background\ncat\n'), 'leave out'),
    'no classes': (lambda f: f['classes'].write_text('# nothing\n'), 'no class names'),
    'binary classes': (lambda f: f['classes'].write_bytes(b'\xff\xfe\x00'), 'no text file'),
    'missing classes': (lambda f: f['classes'].unlink(), 'no class list'),
    'missing conceptnet': (lambda f: f['conceptnet'].unlink(), 'no such file'),
    'missing vectors': (lambda f: f['vectors'].unlink(), 'no such file'),
    'cut conceptnet': (lambda f: cut(f['conceptnet']), 'cut off'),
    'cut vectors': (lambda f: cut(f['vectors']), 'cut off'),
    'vectors as conceptnet': (lambda f: f['conceptnet'].write_bytes(f['vectors'].read_bytes()),
                              'not a ConceptNet table'),
    'conceptnet as vectors': (lambda f: f['vectors'].write_bytes(f['conceptnet'].read_bytes()),
                              'no file of word vectors'),
    'empty conceptnet': (lambda f: f['conceptnet'].write_bytes(gzip.compress(b'')), 'empty'),
    'no vector': (lambda f: write_vectors(f['vectors'], vectors_of(['dog', 'hound']), 'glove'),
                  'no word vector for'),
}


@pytest.mark.parametrize('spoil, message', BAD.values(), ids=BAD)
@pytest.mark.parametrize('before', [None, b'older graph'], ids=['new', 'replace'])
def test_bad_input_is_named_and_nothing_is_half_written(files, capsys, spoil, message, before):
    if before:
        files['out'].write_bytes(before)
    spoil(files)
    assert run(files) == 1
    error = capsys.readouterr().err
    assert error.startswith('error: ') and message in error
    assert files['out'].exists() == bool(before)
    assert not before or files['out'].read_bytes() == before
    assert not [path for path in files['out'].parent.iterdir() if path.name.startswith('.tmp-')]


def real_files(shared_data) -> tuple:
    vectors = os.environ.get('MMWSSS_WORD2VEC')
    if not vectors or not Path(vectors).is_file():
        pytest.skip('no word2vec file: set MMWSSS_WORD2VEC')
    return shared_data / 'knowledge/conceptnet4_en_cn5format.tsv.gz', Path(vectors)


@pytest.mark.parametrize('name', ['voc', 'coco'])
def test_shipped_graphs_are_rebuilt_byte_for_byte(shared_data, tmp_path, name):
    conceptnet, vectors = real_files(shared_data)
    out = tmp_path / f'{name}.npz'
    assert build_class_graph.main(
        ['--classes', name, '--conceptnet', str(conceptnet), '--vectors', str(vectors), '--out',
         str(out), '--no-cache', '--quiet']) == 0
    assert out.read_bytes() == (ROOT / f'mmwsss/knowledge/graphs/{name}.npz').read_bytes()


def test_farm_and_kitchen_from_the_real_files_and_a_config_that_trains(shared_data, tmp_path):
    """Without a word2vec file, vectors of just these words are made up."""
    conceptnet = shared_data / 'knowledge/conceptnet4_en_cn5format.tsv.gz'
    vectors = os.environ.get('MMWSSS_WORD2VEC')
    if not vectors:
        words = [word for line in FARM.splitlines() for word in line.partition(':')[0].split()]
        vectors = write_vectors(tmp_path / 'v.txt', vectors_of(words, 8), 'glove')
    (tmp_path / 'farm.txt').write_text(FARM)
    out = tmp_path / 'farm.npz'
    assert build_class_graph.main(
        ['--classes', str(tmp_path / 'farm.txt'), '--conceptnet', str(conceptnet), '--vectors',
         str(vectors), '--out', str(out), '--no-cache', '--quiet']) == 0
    graph = ClassGraph.load(out)
    assert len(graph) == 12
    of = graph.names.index
    assert graph.relations[of('cow'), of('sheep')] > graph.relations[of('cow'), of('kettle')]
    assert graph.relations[of('stove'), of('refrigerator')] > graph.relations[of('stove'),
                                                                             of('sheep')]
    train_one_step(out)


def train_one_step(graph: Path) -> None:
    from mmengine.registry import DefaultScope
    from mmseg.registry import MODELS
    from mmseg.structures import SegDataSample

    import mmwsss  # noqa: F401  (registers GRMHead)
    with DefaultScope.overwrite_default_scope('mmseg'):
        model = MODELS.build(dict(
            type='EncoderDecoder',
            data_preprocessor=dict(type='SegDataPreProcessor', size=(32, 32)),
            backbone=dict(type='ResNetV1c', depth=18, base_channels=8, stem_channels=8,
                          norm_cfg=dict(type='BN')),
            decode_head=dict(
                type='GRMHead', graph=str(graph), head=dict(
                    type='FCNHead', in_channels=64, in_index=3, channels=16, num_convs=1,
                    concat_input=False, num_classes=13, norm_cfg=dict(type='BN'),
                    align_corners=False, loss_decode=dict(type='CrossEntropyLoss')))))
        assert model.decode_head.grm.class_names == ClassGraph.load(graph).names
        sample = SegDataSample(gt_sem_seg=PixelData(data=torch.randint(0, 13, (1, 32, 32))))
        sample.set_metainfo(dict(img_shape=(32, 32), ori_shape=(32, 32)))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        before = {name: value.detach().clone() for name, value in
                  model.decode_head.grm.named_parameters()}
        losses = model.loss(torch.rand(2, 3, 32, 32), [sample, sample])
        sum(value for name, value in losses.items() if 'loss' in name).backward()
        optimizer.step()
    assert any(not torch.equal(value, before[name]) for name, value in
               model.decode_head.grm.named_parameters())


def test_runs_as_a_command(files):
    done = subprocess.run(
        [sys.executable, str(ROOT / 'tools/build_class_graph.py'), '--help'], text=True,
        capture_output=True, env={**os.environ, 'PYTHONPATH': str(ROOT)}, timeout=120)
    assert done.returncode == 0 and '--conceptnet' in done.stdout
