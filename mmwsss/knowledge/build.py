"""Builds a class graph for any list of classes. Used by tools/build_class_graph.py."""
from os import PathLike
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np

from .class_graph import ClassGraph
from .concepts import choose_concepts
from .conceptnet import DROPPED_RELATIONS, ConceptEdges
from .names import COCO_CLASSES, VOC_CLASSES, plain
from .walk import relation_matrix, walk_between
from .word_vectors import embed_classes, read_word_vectors, words_to_read

_READY_LISTS = {'voc': VOC_CLASSES, 'coco': COCO_CLASSES}
_VECTOR_RECORDS = ('words', 'lemmas', 'filled')  # of embed_classes
_DECIMALS = 10  # well above the error of the walk: the file is the same on each machine


def read_class_list(source: Union[str, PathLike]) -> Tuple[Tuple[str, ...], Dict[str, List[str]]]:
    """Class names and their synonyms.

    Args:
        source: ``'voc'``, ``'coco'``, or a text file with a class a line, in label order without
            the background: ``name`` or ``name: synonym, synonym``; ``#`` begins a comment.

    Returns:
        tuple: names; name -> synonyms.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is empty, is no text, or has a class twice.
    """
    if str(source) in _READY_LISTS:
        return _READY_LISTS[str(source)], {}
    path = Path(source).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f'no class list {str(source)!r}: give one of '
                                f'{tuple(_READY_LISTS)} or a text file with a class a line')
    try:
        lines = path.read_text(encoding='utf-8').splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f'{path} is no text file of class names: {error}') from error
    synonyms: Dict[str, List[str]] = {}
    for number, line in enumerate(lines, start=1):
        name, _, others = line.partition('#')[0].partition(':')
        name = name.strip()
        if not name and not others.strip():
            continue
        if not plain(name) or len(name) > 80:
            raise ValueError(f'{path}, line {number}: {name[:80]!r} is no class name')
        if plain(name) in map(plain, synonyms):
            raise ValueError(f'{path}, line {number}: class {name!r} stands there twice')
        if plain(name) == 'background':
            raise ValueError(f'{path}, line {number}: leave out the background, it is no node')
        synonyms[name] = [other.strip() for other in others.split(',') if other.strip()]
    if not synonyms:
        raise ValueError(f'{path} has no class names')
    return tuple(synonyms), synonyms


def build_class_graph(names: Sequence[str],
                      edges: ConceptEdges,
                      vectors: Union[str, PathLike],
                      synonyms: Optional[Mapping[str, Sequence[str]]] = None,
                      symmetric: bool = True,
                      drop_relations: Sequence[str] = DROPPED_RELATIONS,
                      restart: float = 0.15,
                      tol: float = 1e-13,
                      min_edges: int = 5,
                      progress: Optional[bool] = None) -> ClassGraph:
    """Relations from walks over ConceptNet (Eq. 3), embeddings from a file of word vectors.

    Args:
        names: C class names without the background.
        edges: ConceptNet as read by ``read_conceptnet`` or ``cached_conceptnet``.
        vectors: GloVe, fastText or word2vec file.
        synonyms: class name -> other names to try.
        symmetric, drop_relations: see ``ConceptEdges.graph``.
        restart, tol: see ``walk_between``.
        min_edges: neighbours that a concept needs to stand for a class.
        progress: show progress lines.

    Raises:
        UnknownClassError: naming classes without a concept or a vector.
        ValueError, FileNotFoundError: for files that are missing or something else.
    """
    synonyms = dict(synonyms or {})
    graph = edges.graph(drop_relations, symmetric)
    chosen = choose_concepts(names, graph, min_edges, synonyms)
    concepts = {name: choice.concept for name, choice in chosen.items()}
    found = read_word_vectors(vectors, words_to_read(names, graph, concepts, synonyms), progress)
    embeddings, records = embed_classes(names, found, graph, concepts, synonyms)
    walks = walk_between(graph.adjacency, [graph.index(concepts[name]) for name in names],
                         restart, tol)
    relations = np.round(relation_matrix(walks), _DECIMALS)
    return ClassGraph(names, relations, embeddings, {
        'relations': {'kind': 'ConceptNet walk', **graph.description, 'restart': restart,
                      'tolerance': tol, 'min_edges': min_edges,
                      'licence': _conceptnet_licence(graph.description)},
        'embeddings': {'kind': 'word vectors', **found.description,
                       'licence': 'see the source of the file'},
        'classes': {name: _record(chosen[name], records[name], synonyms.get(name))
                    for name in names}})


def replace_vectors(graph: ClassGraph,
                    vectors: Union[str, PathLike],
                    synonyms: Optional[Mapping[str, Sequence[str]]] = None,
                    progress: Optional[bool] = None) -> ClassGraph:
    """The same relations with other word vectors (Fig. 10 of grm.txt).

    Args:
        graph: whose names and relations are kept.
        vectors: GloVe, fastText or word2vec file.
        synonyms: class name -> other names to try; default: those that the graph was built with.
        progress: show progress lines.

    Raises:
        UnknownClassError: naming classes without a vector; without ConceptNet, missing words are
            not filled in.
        ValueError, FileNotFoundError: for a file that is missing or something else.
    """
    before = graph.provenance.get('classes')
    before = before if isinstance(before, dict) else {}
    synonyms = {**{name: record['synonyms'] for name, record in before.items()
                   if 'synonyms' in record}, **(synonyms or {})}
    found = read_word_vectors(
        vectors, words_to_read(graph.names, synonyms=synonyms), progress)
    embeddings, records = embed_classes(graph.names, found, synonyms=synonyms)
    classes = {
        name: {**{key: value for key, value in before.get(name, {}).items()
                  if key not in _VECTOR_RECORDS}, **records[name]}
        for name in graph.names}
    return ClassGraph(graph.names, graph.relations, embeddings, {
        **graph.provenance,
        'embeddings': {'kind': 'word vectors', **found.description,
                       'licence': 'see the source of the file'},
        'classes': classes})


def _record(choice, words: Mapping[str, Any], synonyms: Optional[Sequence[str]]) -> Dict[str, Any]:
    record = {'concept': choice.concept, 'concept_found_as': choice.found_as,
              'concept_edges': choice.edges, **words}
    return {**record, 'synonyms': list(synonyms)} if synonyms else record


def _conceptnet_licence(description: Mapping[str, Any]) -> str:
    if 'conceptnet4' in description['file'].lower():
        return 'CC BY 4.0 (ConceptNet 4)'
    return 'CC BY-SA 4.0 (ConceptNet 5)'
