import gzip

import numpy as np
import pytest

from mmwsss.knowledge import (UnknownClassError, WordVectors, embed_classes, read_conceptnet,
                              read_word_vectors)
from mmwsss.knowledge import blocks as blocks_module
from mmwsss.knowledge.word_vectors import words_to_read
from tests.knowledge.samples import vectors_of, write_conceptnet, write_vectors

WORDS = ('the', 'cat', 'dog', 'été', 'pet', 'house', 'seat', 'sofa')
KINDS = ('glove', 'vec', 'bin', 'bin-newline')


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('block', [blocks_module.BLOCK_BYTES, 256])
def test_reads_the_wanted_words(tmp_path, monkeypatch, kind, block):
    monkeypatch.setattr(blocks_module, 'BLOCK_BYTES', block)
    expected = vectors_of(WORDS)
    path = write_vectors(tmp_path / 'v', expected, kind)
    found = read_word_vectors(path, {'cat', 'été', 'gryphon'})
    assert sorted(found.vectors) == ['cat', 'été'] and found.channels == 4
    for word in found.vectors:
        np.testing.assert_array_equal(found[word], expected[word])
        assert found[word].dtype == np.float32
    assert found.description['words'] == len(WORDS)
    packed = tmp_path / 'v.gz'
    packed.write_bytes(gzip.compress(path.read_bytes()))
    np.testing.assert_array_equal(read_word_vectors(packed, ['cat'])['cat'], expected['cat'])


def test_a_word_with_blanks_is_not_taken_for_another(tmp_path):
    """GloVe 840B has rows such as ``at name@domain.com 0.1 ...``."""
    path = tmp_path / 'g.txt'
    path.write_text('the 1 2 3\nat name@domain.com 4 5 6\nat 7 8 9\n')
    np.testing.assert_array_equal(read_word_vectors(path, ['at'])['at'], [7, 8, 9])


@pytest.mark.parametrize('kind', KINDS)
def test_cut_files_are_refused(tmp_path, kind):
    path = write_vectors(tmp_path / 'v', vectors_of(WORDS), kind)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ValueError, match='cut off'):
        read_word_vectors(path, ['cat'])


@pytest.mark.parametrize('content, message', [
    (b'', 'no file of word vectors'),
    (b'{"a": 1}\n', 'no file of word vectors'),
    (b'cat 1 2 3\ndog 1 2 x\n', 'no number'),
    (b'cat 1 2 3\ndog 1 2 nan\n', 'not finite'),
    (b'chat 1 2 3\nchien 1 2 3\n', 'none of the 2 wanted words'),
    (b'3 4\ncat \x00\x01', 'cut off'),
])
def test_other_files_are_refused(tmp_path, content, message):
    path = tmp_path / 'x'
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_word_vectors(path, ['cat', 'dog'])
    with pytest.raises(FileNotFoundError):
        read_word_vectors(tmp_path / 'missing', ['cat'])


@pytest.fixture
def graph(tmp_path):
    return read_conceptnet(write_conceptnet(tmp_path / 't.csv')).graph()


def test_means_synonyms_lemmas_and_neighbours(graph):
    have = vectors_of(['dog', 'house', 'pet', 'seat', 'pot', 'plant', 'television', 'sofa', 'hot'])
    vectors = WordVectors(4, have)
    names = ['hot dog', 'tvmonitor', 'pottedplant', 'bus', 'cat house']
    rows, records = embed_classes(names, vectors, graph, {'bus': 'bus', 'cat house': 'cat'})
    assert rows.shape == (5, 4) and rows.dtype == np.float32
    np.testing.assert_allclose(rows[0], (have['hot'] + have['dog']) / 2, rtol=1e-6)
    np.testing.assert_array_equal(rows[1], have['television'])
    np.testing.assert_allclose(rows[2], (have['pot'] + have['plant']) / 2, rtol=1e-6)
    near = np.stack([have[word].astype(np.float64) for word in ('house', 'pet', 'seat')])
    mean = near.mean(axis=0)
    mean *= np.linalg.norm(near, axis=1).mean() / np.linalg.norm(mean)
    np.testing.assert_allclose(rows[3], mean, rtol=1e-6)
    near = np.stack([2 * have['dog'], have['sofa'], have['pet']]).astype(np.float64) / 4
    filled = near.sum(axis=0)
    filled *= np.linalg.norm(near, axis=1).sum() / np.linalg.norm(filled)
    np.testing.assert_allclose(rows[4], (filled + have['house']) / 2, rtol=1e-5)
    assert 'filled' not in records['hot dog'] and records['tvmonitor']['words'] == ['television']
    assert records['pottedplant']['lemmas'] == {'potted': 'pot'}
    assert records['bus']['filled'] == {'bus': ['house', 'pet', 'seat']}
    assert records['cat house']['filled'] == {'cat': ['dog', 'pet', 'sofa']}


def test_what_cannot_be_filled_is_named(graph):
    vectors = WordVectors(4, vectors_of(['dog', 'pet']))
    with pytest.raises(UnknownClassError, match="no word vector for 'gryphon', 'cat'"):
        embed_classes(['gryphon', 'dog', 'cat'], vectors, graph)
    with pytest.raises(UnknownClassError, match="'cat'"):
        embed_classes(['cat'], vectors)


def test_words_to_read_cover_synonyms_lemmas_and_neighbours(graph):
    wanted = words_to_read(['tvmonitor', 'bus'], graph, {'bus': 'bus'}, {'bus': ['coach']})
    assert {'tv', 'television', 'monitor', 'bus', 'coach', 'house', 'pet', 'road'} <= set(wanted)
