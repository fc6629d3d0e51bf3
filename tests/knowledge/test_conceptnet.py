import gzip

import numpy as np
import pytest

from mmwsss.knowledge import (DROPPED_RELATIONS, ConceptEdges, UnknownClassError,
                              cached_conceptnet, choose_concepts, read_conceptnet)
from mmwsss.knowledge import blocks as blocks_module
from mmwsss.knowledge.concepts import candidates, lemmas
from tests.knowledge.samples import LINKS, line, table, write_conceptnet


def triples(edges: ConceptEdges) -> list:
    return [(edges.concepts[a], edges.relations[r], edges.concepts[b], w) for a, r, b, w in
            zip(edges.start, edges.relation, edges.end, edges.weight)]


def read_lines(tmp_path, *lines, **kwargs) -> ConceptEdges:
    path = tmp_path / 'table.csv'
    path.write_bytes(b'\n'.join(lines) + b'\n')
    return read_conceptnet(path, **kwargs)


@pytest.mark.parametrize('name', ['t.csv', 't.csv.gz'])
@pytest.mark.parametrize('block', [blocks_module.BLOCK_BYTES, 200])
def test_reads_every_edge(tmp_path, monkeypatch, name, block):
    monkeypatch.setattr(blocks_module, 'BLOCK_BYTES', block)
    edges = read_conceptnet(write_conceptnet(tmp_path / name))
    assert triples(edges) == list(LINKS)
    assert edges.description['lines'] == edges.description['edges'] == len(LINKS)
    assert edges.description['malformed_lines'] == 0


def test_gzip_of_several_members_and_no_last_newline(tmp_path):
    half = len(table()) // 2
    path = tmp_path / 't.csv.gz'
    path.write_bytes(gzip.compress(table()[:half]) + gzip.compress(table()[half:-1]))
    assert triples(read_conceptnet(path)) == list(LINKS)


def test_language_parts_of_speech_self_loops_and_other_ends(tmp_path):
    edges = read_lines(
        tmp_path, line('/c/en/cat/n/wn/animal', '/c/en/pet/n'), line('/c/fr/chat', '/c/fr/chien'),
        line('/c/en/cat', '/c/fr/chat'), line('/c/en/run/n', '/c/en/run/v', 'FormOf'),
        line('/c/en/cat', 'http://dbpedia.org/cat', 'ExternalURL'),
        line('/c/eng/cat', '/c/eng/pet'), line('/c/en/été', '/c/en/cat', 'dbpedia/genre', '0.25'))
    assert triples(edges) == [('cat', 'IsA', 'pet', 1.0), ('été', 'dbpedia/genre', 'cat', 0.25)]
    assert edges.description['self_loops'] == 1
    assert edges.description['malformed_lines'] == 0
    french = read_lines(tmp_path, line('/c/fr/chat', '/c/fr/chien'), line(), language='fr')
    assert triples(french) == [('chat', 'IsA', 'chien', 1.0)]


def test_malformed_lines_are_counted_and_shown(tmp_path):
    bad = [b'four\tcolumns\tonly\there', b'', line() + b'\tsixth', line(weight='"heavy"'),
           line(weight='-1'), line(weight='nan'), line().replace(b'"weight"', b'"height"'),
           line().replace(b'/r/IsA\t', b'/x/IsA\t'), line('/c/en/', '/c/en/dog')]
    edges = read_lines(tmp_path, line(), *bad, *[line()] * 12)
    assert edges.description['malformed_lines'] == len(bad)
    assert edges.description['edges'] == 13
    assert len(edges.description['first_malformed']) == 5
    assert any(text.startswith('line 2: four') for text in edges.description['first_malformed'])


@pytest.mark.parametrize('content, message', [
    (b'', 'it is empty'),
    (b'the 0.1 0.2\nof 0.3 0.1\n', 'not a ConceptNet table'),
    (bytes(range(256)) * 300, 'not a ConceptNet table'),
    (line('/c/fr/chat', '/c/fr/chien'), r"no edge .* language 'en'"),
])
def test_other_files_are_refused(tmp_path, content, message):
    path = tmp_path / 'x.csv'
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_conceptnet(path)


def test_a_file_without_lines_is_refused_early(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks_module, 'BLOCK_BYTES', 1024)
    with pytest.raises(ValueError, match='no line ends'):
        list(blocks_module.whole_lines(iter([b'x' * 1000] * 9), longest=4096))


def test_cut_or_damaged_gzip_is_refused(tmp_path):
    whole = gzip.compress(table(LINKS * 50))
    path = tmp_path / 't.csv.gz'
    for part in (whole[:len(whole) // 2], whole[:-3]):
        path.write_bytes(part)
        with pytest.raises(ValueError, match='cut off after'):
            cached_conceptnet(path, cache=tmp_path / 'cache')
    path.write_bytes(whole[:200] + b'\xff' * 20 + whole[220:])
    with pytest.raises(ValueError, match='damaged gzip'):
        cached_conceptnet(path, cache=tmp_path / 'cache')
    assert not (tmp_path / 'cache').exists()
    with pytest.raises(FileNotFoundError):
        read_conceptnet(tmp_path / 'missing.csv')


def test_graph_drops_relations_adds_weights_and_turns_edges_round(tmp_path):
    edges = read_lines(tmp_path, line(weight='1.5'), line(relation='RelatedTo', weight='2.0'),
                       line(relation='Antonym', weight='9'), line('/c/en/dog', '/c/en/pet'))
    one_way, both = edges.graph(symmetric=False), edges.graph()
    cat, dog, pet = (one_way.index(word) for word in ('cat', 'dog', 'pet'))
    assert one_way.adjacency[cat, dog] == 3.5 and one_way.adjacency[dog, cat] == 0
    assert both.adjacency[cat, dog] == both.adjacency[dog, cat] == 3.5
    assert edges.graph(drop_relations=()).adjacency[cat, dog] == 12.5
    assert one_way.neighbours('dog') == {'cat': 3.5, 'pet': 1.0}
    assert one_way.degree('dog') == 2 and one_way.degree('gryphon') == 0
    assert both.adjacency[dog, pet] == 1
    assert len(DROPPED_RELATIONS) == 7
    with pytest.raises(ValueError, match='no edge is left'):
        edges.graph(drop_relations=('IsA', 'RelatedTo', 'Antonym'))


def test_cache_gives_the_same_and_follows_the_file(tmp_path):
    path, cache = write_conceptnet(tmp_path / 't.csv'), tmp_path / 'cache'
    first = cached_conceptnet(path, cache=cache)
    file, = cache.iterdir()
    again = cached_conceptnet(path, cache=cache)
    assert triples(first) == triples(again) and first.description == again.description
    file.write_bytes(file.read_bytes()[:100])  # a damaged cache is made anew
    assert triples(cached_conceptnet(path, cache=cache)) == list(LINKS)
    write_conceptnet(path, LINKS[:4])  # a changed file is read anew
    assert triples(cached_conceptnet(path, cache=cache)) == list(LINKS[:4])
    assert len(list(cache.iterdir())) == 2


def test_lemmas_and_candidates():
    assert 'dine' in lemmas('dining') and 'pot' in lemmas('potted')
    assert 'berry' in lemmas('berries')
    assert lemmas('glass') == ['glass'] and lemmas('bus') == ['bus']
    tried = list(candidates('Dining-table', ['board']))
    assert tried[0] == 'dining_table' and tried.index('din_table') < tried.index('board')
    assert candidates('Dining-table')['table'] == 'head word' and tried[-1] == 'table'
    assert candidates('tvmonitor')['television'] == 'synonym'
    assert candidates('scissors')['scissor'] == 'lemma'
    assert 'glass_wine' in candidates('glass of wine')


def test_first_concept_with_enough_edges(tmp_path):
    graph = read_conceptnet(write_conceptnet(tmp_path / 't.csv')).graph()
    chosen = choose_concepts(['couch', 'diningtable', 'guard dog', 'moggy', 'cat'], graph, 3,
                             {'moggy': ['bus']})
    assert {name: (c.concept, c.found_as) for name, c in chosen.items()} == {
        'couch': ('sofa', 'synonym'), 'diningtable': ('dine_table', 'synonym'),
        'guard dog': ('dog', 'head word'), 'moggy': ('bus', 'synonym'), 'cat': ('cat', 'name')}
    assert chosen['cat'].edges == 3
    few = choose_concepts(['cat', 'couch'], graph, 6)
    assert few['cat'].found_as == 'name (few edges)' and few['cat'].edges == 3
    assert few['couch'].concept == 'sofa'
    with pytest.raises(UnknownClassError, match=r"(?s)'gryphon': tried gryphon .0..*--min-edges"):
        choose_concepts(['cat', 'gryphon'], graph, 3)
    with pytest.raises(UnknownClassError, match=r'cat \(3\)'):
        choose_concepts(['cat'], graph, 8)


def test_no_two_classes_share_a_concept(tmp_path):
    graph = read_conceptnet(write_conceptnet(tmp_path / 't.csv')).graph()
    with pytest.raises(UnknownClassError, match=r"'guard dog': .*dog \(taken\)"):
        choose_concepts(['guard dog', 'dog'], graph, 3)


def test_the_real_table(shared_data):
    path = shared_data / 'knowledge/conceptnet4_en_cn5format.tsv.gz'
    edges = read_conceptnet(path)
    assert edges.description['lines'] == 474_674 and edges.description['malformed_lines'] == 0
    with gzip.open(path, 'rt') as file:
        rows = [row.split('\t') for row in file.read().splitlines()]
    assert edges.description['edges'] == sum(row[2] != row[3] for row in rows)
    degree = len({row[5 - side].split('/')[3] for row in rows for side in (2, 3)
                  if row[side] == '/c/en/zebra' and row[2] != row[3]})
    assert edges.graph(drop_relations=()).degree('zebra') == degree
    assert np.isclose(edges.weight.sum(), sum(
        float(row[4].split('"weight": ')[1].split(',')[0]) for row in rows if row[2] != row[3]))
