"""Class knowledge: which classes of a data set go together, and what their names mean."""
from .build import build_class_graph, read_class_list, replace_vectors
from .class_graph import ClassGraph
from .conceptnet import (DROPPED_RELATIONS, ConceptEdges, ConceptGraph, cached_conceptnet,
                         read_conceptnet)
from .concepts import choose_concepts
from .names import ALIASES, COCO_CLASSES, VOC_CLASSES, UnknownClassError
from .reference_files import (import_reference_graph, read_pickled_array,
                              read_reference_embeddings, read_reference_relations)
from .relations import (COOCCURRENCE_FORMS, conditional_probabilities, cooccurrence_relations,
                        identity_relations, random_relations)
from .walk import ConvergenceError, random_walk_with_restart, relation_matrix, walk_between
from .word_vectors import WordVectors, embed_classes, read_word_vectors

__all__ = [
    'ALIASES', 'COCO_CLASSES', 'COOCCURRENCE_FORMS', 'ClassGraph', 'ConceptEdges', 'ConceptGraph',
    'ConvergenceError',
    'DROPPED_RELATIONS', 'UnknownClassError', 'VOC_CLASSES', 'WordVectors', 'build_class_graph',
    'cached_conceptnet', 'choose_concepts', 'conditional_probabilities', 'cooccurrence_relations',
    'embed_classes',
    'identity_relations', 'import_reference_graph', 'random_relations',
    'random_walk_with_restart', 'read_class_list', 'read_conceptnet', 'read_pickled_array',
    'read_reference_embeddings', 'read_reference_relations', 'read_word_vectors',
    'relation_matrix', 'replace_vectors', 'walk_between',
]
